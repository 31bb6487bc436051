import { setTimeout as sleep } from 'node:timers/promises';

/** How the calls of a load ended, by outcome: `ok`, or an error's code. */
export interface LoadResult {
  readonly outcomes: Readonly<Record<string, number>>;
  /** The longest that a call took to end, in ms. */
  readonly slowestMs: number;
  readonly total: number;
  /** The instants, in ms since the start, at which calls failed. */
  readonly failedAtMs: readonly number[];
}

/** Makes `perSecond` calls, evenly, until `stopped` resolves, and waits for all of them to end. */
export async function load(
  call: (n: number) => Promise<unknown>,
  perSecond: number,
  stopped: Promise<unknown>,
): Promise<LoadResult> {
  const outcomes: Record<string, number> = {};
  const failedAtMs: number[] = [];
  const running: Promise<void>[] = [];
  const startedAt = performance.now();
  let slowestMs = 0;
  const end = { isReached: false };
  const reach = () => (end.isReached = true);
  stopped.then(reach, reach);

  const make = async (n: number) => {
    const began = performance.now();
    const outcome = await call(n).then(
      () => 'ok',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
    if (outcome !== 'ok') failedAtMs.push(performance.now() - startedAt);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    slowestMs = Math.max(slowestMs, performance.now() - began);
  };

  let made = 0;
  while (!end.isReached) {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    while (made < due) running.push(make(made++));
    await sleep(2);
  }
  await Promise.all(running);
  await stopped;
  return { outcomes, slowestMs, total: made, failedAtMs };
}
