import { parseObject } from '../protocol/json.js';

/**
 * Something that happened to a job.
 *
 * @publicApi
 */
export type JobEvent =
  | CompletedEvent
  | {
      readonly type: 'failed';
      readonly id: string;
      readonly pattern: string;
      readonly attempt: number;
      readonly error: string;
      /** When it is tried again. */
      readonly retryInMs: number;
    }
  | {
      readonly type: 'dead';
      readonly id: string;
      readonly pattern: string;
      readonly attempt: number;
      readonly error: string;
    }
  | { readonly type: 'progress'; readonly id: string; readonly pattern: string; readonly value: unknown };

/** @publicApi */
export interface CompletedEvent {
  readonly type: 'completed';
  readonly id: string;
  readonly pattern: string;
  readonly attempt: number;
  /** Unix time in milliseconds, by the worker's clock. */
  readonly finishedOn: number;
  /** How long the last attempt ran. */
  readonly tookMs: number;
  /** The handler's return; undefined also where that was no JSON data, or larger than `maxPayloadBytes`. */
  readonly result?: unknown;
}

/** `finishedOn` stands before the result, where a script finds it. */
export function writeCompleted(event: CompletedEvent, maxBytes: number): string {
  const { id, pattern, attempt, finishedOn, tookMs, result } = event;
  const names = `"type":"completed","id":${JSON.stringify(id)},"pattern":${JSON.stringify(pattern)}`;
  const head = `{${names},"attempt":${attempt},"finishedOn":${finishedOn},"tookMs":${tookMs}`;
  const text = textOf(result);
  return text === undefined || text.length > maxBytes ? `${head}}` : `${head},"result":${text}}`;
}

export function readEvents(text: string): readonly JobEvent[] {
  return (parseObject(`{"events":${text}}`)?.['events'] as JobEvent[] | undefined) ?? [];
}

export function readCompleted(text: string): CompletedEvent | undefined {
  return parseObject(text) as CompletedEvent | undefined;
}

function textOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
