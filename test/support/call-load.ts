import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';

import { HydraError, HydraRecordBuilder, type HydraClient } from '../../lib/index.js';
import type { Done } from './work-process.js';

const TICK_MS = 5;

/** What came of one call. Times are by `performance.now()`. */
export interface Outcome {
  readonly id: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly done?: Done;
  readonly error?: unknown;
}

export interface LoadOptions {
  readonly perSecond: number;
  readonly takesMs?: number;
  readonly isIdempotent?: boolean;
  readonly timeoutMs?: number;
}

export interface CallLoad {
  readonly outcomes: readonly Outcome[];
  readonly sent: () => number;
  /** Sends no more, and resolves with every outcome once the last call has ended. */
  stop(): Promise<readonly Outcome[]>;
}

/** Calls `work` at a rate that does not wait for answers, as independent callers do. */
export function startCallLoad(client: HydraClient, options: LoadOptions): CallLoad {
  const { perSecond, takesMs = 0, isIdempotent = false, timeoutMs = 10_000 } = options;
  const outcomes: Outcome[] = [];
  const waiting = new Set<Promise<void>>();
  const beganAt = performance.now();
  let sent = 0;
  const stopping = new AbortController();

  const call = async (id: number) => {
    const startedAt = performance.now();
    const record = new HydraRecordBuilder({ id, takesMs }).setIdempotent(isIdempotent).setTimeout(timeoutMs);
    try {
      const done = await firstValueFrom(client.send<Done>('work', record.build()));
      outcomes.push({ id, startedAt, endedAt: performance.now(), done });
    } catch (error) {
      outcomes.push({ id, startedAt, endedAt: performance.now(), error });
    }
  };
  const pace = async () => {
    while (!stopping.signal.aborted) {
      const due = ((performance.now() - beganAt) / 1_000) * perSecond;
      while (sent < due) {
        const ending = call(++sent).finally(() => waiting.delete(ending));
        waiting.add(ending);
      }
      await sleep(TICK_MS);
    }
  };
  const pacing = pace();

  return {
    outcomes,
    sent: () => sent,
    async stop() {
      stopping.abort();
      await pacing;
      await Promise.all(waiting);
      return outcomes;
    },
  };
}

export const failures = (outcomes: readonly Outcome[]) => outcomes.filter(({ error }) => error !== undefined);

/** The codes of the errors; anything that is not a HydraError as its text. */
export const codesOf = (outcomes: readonly Outcome[]) => [
  ...new Set(
    failures(outcomes).map(({ error }) => (error instanceof HydraError ? error.code : JSON.stringify(error))),
  ),
];
