import { countCommands } from './redis-info.js';
import { median, range } from './statistics.js';

/** What one run of one contestant measured. */
export interface Run {
  readonly operations: number;
  readonly elapsedMs: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly clientCpuMs?: number;
  readonly serverCpuMs?: number;
}

export interface Contestant {
  readonly name: string;
  /** What has to be there before a run; neither timed nor counted. */
  prepare?(): Promise<unknown>;
  run(): Promise<Run>;
}

/** A contestant's figures over all runs; where a run measured no such thing, NaN. */
export interface Figures {
  readonly name: string;
  /** Operations per second: the median of the runs, the lowest and the highest. */
  readonly rate: number;
  readonly rateRange: readonly [min: number, max: number];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly commandsPerOperation: number;
  /** CPU milliseconds per 1,000 operations. */
  readonly clientCpuMs: number;
  readonly serverCpuMs: number;
  /** Each run's rate, oldest first: run n of one contestant was beside run n of another. */
  readonly rates: readonly number[];
}

interface CountedRun extends Run {
  readonly commands: number;
}

export interface RoundsOptions {
  readonly redisUrl: string;
  /** Runs that count; one more, before them, does not. */
  readonly rounds: number;
}

/**
 * Lets the contestants run in turn, round by round, so that what disturbs the machine disturbs them alike: the ratio of
 * two contestants is the median of their ratios in each round.
 */
export async function compare(
  contestants: readonly Contestant[],
  { redisUrl, rounds }: RoundsOptions,
): Promise<readonly Figures[]> {
  for (const contestant of contestants) {
    await contestant.prepare?.();
    await contestant.run();
  }
  const runs = contestants.map((): CountedRun[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, contestant] of contestants.entries()) {
      await contestant.prepare?.();
      const before = await countCommands(redisUrl);
      const run = await contestant.run();
      runs[index]!.push({ ...run, commands: (await countCommands(redisUrl)) - before });
    }
  }
  return contestants.map(({ name }, index) => figuresOf(name, runs[index]!));
}

/** How many times faster `a` is than `b`. */
export function ratio(a: Figures, b: Figures): number {
  return median(a.rates.map((rate, round) => rate / b.rates[round]!));
}

function figuresOf(name: string, runs: readonly CountedRun[]): Figures {
  const rates = runs.map(({ operations, elapsedMs }) => (operations / elapsedMs) * 1_000);
  const perOperation = (of: (run: CountedRun) => number | undefined) =>
    median(runs.map((run) => (of(run) ?? NaN) / run.operations));
  return {
    name,
    rate: median(rates),
    rateRange: range(rates),
    p50Ms: median(runs.map(({ p50Ms }) => p50Ms ?? NaN)),
    p99Ms: median(runs.map(({ p99Ms }) => p99Ms ?? NaN)),
    commandsPerOperation: perOperation(({ commands }) => commands),
    clientCpuMs: perOperation(({ clientCpuMs }) => clientCpuMs) * 1_000,
    serverCpuMs: perOperation(({ serverCpuMs }) => serverCpuMs) * 1_000,
    rates,
  };
}
