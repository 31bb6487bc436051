import { redisCpuMs } from '../support/redis-info.js';
import type { Run } from '../support/rounds.js';

export interface MeasuredRun extends Run {
  /** Of the whole Redis, in which hardly anybody else is at work meanwhile. */
  readonly redisCpuMs: number;
}

/** One part of the library at work in processes of its own, started anew for each round. */
export interface Work {
  /** What is measured in turns: a step is repeated, then comes the next one. */
  readonly steps: readonly string[];
  /** Brings code and connections to speed. */
  warmUp(): Promise<unknown>;
  /** Resolves with what was measured, by the title of its row; most steps have one row. */
  run(step: string): Promise<Readonly<Record<string, MeasuredRun>>>;
  stop(): Promise<void>;
}

/** Each file of this folder that is named after a benchmark exports one such list. */
export type Subjects = Readonly<Record<string, (redisUrl: string) => Promise<Work>>>;

/** Long enough for some hundred operations of the slowest kind. */
export const RUN_MS = 120;
export const WARM_UP_MS = 1_000;

export async function measured(redisUrl: string, run: () => Promise<Run>): Promise<MeasuredRun> {
  const before = await redisCpuMs(redisUrl);
  const result = await run();
  return { ...result, redisCpuMs: (await redisCpuMs(redisUrl)) - before };
}
