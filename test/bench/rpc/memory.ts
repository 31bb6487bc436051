import type { Facts } from '../support/report.js';
import { startPair, type Pair } from './pair.js';
import type { Place } from './peer.js';

const HELD = 10_000;
const MB = (megabytes: number) => `${megabytes.toFixed(1)} MB`;

/** What many calls leave behind, and what many at once hold, at the caller and at the server. */
export async function memoryUse(place: Place): Promise<readonly Facts[]> {
  const pair = await startPair('ours', 'ours', place, { servers: [{ BENCH_WORK_MS: '3000' }] });
  await pair.run({ operation: 'sum', concurrency: 64, durationMs: 2_000 });
  const [callerBefore, serverBefore] = await memoryOf(pair);
  let calls = 0;
  while (calls < 100_000) {
    calls += (await pair.run({ operation: 'sum', concurrency: 64, durationMs: 500 })).operations;
  }
  const [callerAfter, serverAfter] = await memoryOf(pair);
  const holding = pair.caller.ask<number>('holdCalls', { count: HELD });
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const serverHeld = (await pair.servers[0]!.ask<number>('memory')) - serverAfter;
  const callerHeld = await holding;
  await pair.stop();
  return [
    {
      what: `left by ${calls} calls`,
      caller: MB(callerAfter - callerBefore),
      server: MB(serverAfter - serverBefore),
    },
    { what: `held by ${HELD} calls in flight`, caller: MB(callerHeld), server: MB(serverHeld) },
  ];
}

async function memoryOf({ caller, servers }: Pair): Promise<[caller: number, server: number]> {
  return Promise.all([caller.ask<number>('memory'), servers[0]!.ask<number>('memory')]);
}
