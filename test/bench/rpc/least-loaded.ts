import { formatMs, formatShare } from '../../../tools/terminal.mjs';
import type { Facts } from '../support/report.js';
import { startPair } from './pair.js';
import type { Place } from './peer.js';

const BALANCERS = ['p2c', 'round-robin'];
const FAST = { BENCH_WORK_MS: '2' };
const SLOW = { BENCH_WORK_MS: '20' };

/** Four instances, of which one takes ten times as long: what it still gets, and what callers notice. */
export async function slowOne(place: Place, durationMs: number): Promise<readonly Facts[]> {
  const facts: Facts[] = [];
  for (const balancer of BALANCERS) {
    for (const concurrency of [16, 64]) facts.push(await rehearse(place, balancer, concurrency, durationMs));
  }
  return facts;
}

async function rehearse(
  place: Place,
  balancer: string,
  concurrency: number,
  durationMs: number,
): Promise<Facts> {
  const healthy = await measure(place, balancer, concurrency, durationMs, FAST);
  const degraded = await measure(place, balancer, concurrency, durationMs, SLOW);
  return {
    balancer,
    c: concurrency,
    'share of the slow one': formatShare(degraded.share),
    'p99, all healthy': formatMs(healthy.p99Ms),
    p99: formatMs(degraded.p99Ms),
    ratio: (degraded.p99Ms / healthy.p99Ms).toFixed(2),
  };
}

/** The share of the fourth instance, and the 99th percentile. */
async function measure(
  place: Place,
  balancer: string,
  concurrency: number,
  durationMs: number,
  fourth: Readonly<Record<string, string>>,
): Promise<{ readonly share: number; readonly p99Ms: number }> {
  const servers = [FAST, FAST, FAST, fourth];
  const pair = await startPair('ours', 'ours', place, { servers, caller: { BENCH_BALANCER: balancer } });
  const load = { operation: 'work', concurrency, durationMs };
  await pair.run(load);
  const worked = () => Promise.all(pair.servers.map((server) => server.ask<number>('worked')));
  const before = await worked();
  const { p99Ms, operations } = await pair.run(load);
  const after = await worked();
  await pair.stop();
  return { share: (after[3]! - before[3]!) / operations, p99Ms };
}
