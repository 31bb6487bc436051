import { cpuMs } from './commands.js';
import { percentile } from './statistics.js';

export interface Load {
  /** Operations under way at once. */
  readonly concurrency: number;
  readonly durationMs: number;
  /** With it, a failure is counted instead of ending the run, and so is an answer that takes longer than this. */
  readonly patienceMs?: number;
}

/** What one run of a load measured, in the process that made it. */
export interface LoadResult {
  readonly operations: number;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly clientCpuMs: number;
  /** How often an operation failed, by its error's code. */
  readonly failures: Readonly<Record<string, number>>;
}

/**
 * Keeps that many operations under way for that long, then waits for the last one.
 *
 * @param operate does one operation; returns the id that its answer carries
 * @throws Error when an id was not answered exactly once
 */
export async function runLoad(
  { concurrency, durationMs, patienceMs }: Load,
  operate: (id: number) => Promise<number>,
): Promise<LoadResult> {
  const answers: number[] = [];
  const latencies: number[] = [];
  const failures = new Map<string, number>();
  let lastId = 0;
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;
  const cpuBefore = cpuMs();

  const fail = (error: unknown) => {
    if (patienceMs === undefined) throw error;
    const code = codeOf(error);
    failures.set(code, (failures.get(code) ?? 0) + 1);
  };
  const answer = (id: number) =>
    patienceMs === undefined ? operate(id) : Promise.race([operate(id), hung(patienceMs)]);
  const keepBusy = async () => {
    for (let now = performance.now(); now < endAt;) {
      const sentAt = now;
      try {
        answers.push(await answer(++lastId));
      } catch (error) {
        fail(error);
      }
      now = performance.now();
      latencies.push(now - sentAt);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, keepBusy));

  const elapsedMs = performance.now() - startedAt;
  const clientCpuMs = cpuMs() - cpuBefore;
  const failed = lastId - answers.length;
  mustBeEachOnce(answers, lastId, failed);
  const [p50Ms, p99Ms, maxMs] = [0.5, 0.99, 1].map((share) => percentile(latencies, share)) as [
    number,
    number,
    number,
  ];
  return {
    operations: lastId,
    elapsedMs,
    p50Ms,
    p99Ms,
    maxMs,
    clientCpuMs,
    failures: Object.fromEntries(failures),
  };
}

/** @throws Error unless the answers are the ids from 1 to `count`, each once, but for those that failed */
export function mustBeEachOnce(answers: readonly number[], count: number, failed = 0): void {
  const isRight = answers.length === count - failed && new Set(answers).size === answers.length;
  const isOfThisRun = answers.every((id) => id >= 1 && id <= count);
  if (!isRight || !isOfThisRun) throw new Error(`${count} ids, but not each was answered exactly once`);
}

function hung(afterMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(Object.assign(new Error('no answer'), { code: 'hung' })), afterMs).unref();
  });
}

function codeOf(error: unknown): string {
  const { code, name = 'Error' } = error as { code?: string | number; name?: string };
  return String(code ?? name);
}
