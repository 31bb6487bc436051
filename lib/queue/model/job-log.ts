import { isJsonObject, parseObject } from '../../protocol/json.js';

/** Lines that are kept of a job, and characters of one. */
export const MAX_LINES = 100;
const MAX_CHARS = 1_000;

/** A line that the handler of a job wrote with `log`. @publicApi */
export interface JobLogLine {
  /** When, by the clock of Redis. */
  readonly at: Date;
  /** In which attempt, from 1. */
  readonly attempt: number;
  /** The text, up to a thousand characters. */
  readonly text: string;
}

/**
 * How each line of a job begins: with the time at which it was added, which tells it from an earlier job of its id.
 *
 * @param addedOn the timestamp of its message
 */
export function logLineHead(addedOn: string): string {
  return `{"job":${JSON.stringify(addedOn)},`;
}

export function writeLogLine(
  head: string,
  { at, attempt, text }: { readonly at: number; readonly attempt: number; readonly text: unknown },
): string {
  return head + JSON.stringify({ at, attempt, text: String(text).slice(0, MAX_CHARS) }).slice(1);
}

/** What is no such line is left out; never throws. */
export function readLogLines(lines: readonly string[]): JobLogLine[] {
  return lines.flatMap((line) => {
    const read: unknown = parseObject(line);
    if (!isJsonObject(read)) return [];
    const { at, attempt, text } = read;
    if (typeof at !== 'number' || typeof attempt !== 'number' || typeof text !== 'string') return [];
    return [{ at: new Date(at), attempt, text }];
  });
}
