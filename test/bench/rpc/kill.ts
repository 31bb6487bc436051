import { setTimeout as sleep } from 'node:timers/promises';

import { formatMs } from '../../../tools/terminal.mjs';
import type { Facts } from '../support/report.js';
import type { CallLoad } from './caller.js';
import { startPair } from './pair.js';
import type { Place } from './peer.js';

const PEERS: Readonly<Record<string, string>> = {
  ours: 'ours',
  'ours, idempotent calls': 'ours-idempotent',
  'Moleculer on Redis': 'moleculer',
  'Hydra 1.9': 'hydra',
};
const LOAD: CallLoad = { operation: 'sum', concurrency: 64, durationMs: 2_000, patienceMs: 5_000 };
const KILL_AT_MS = 700;

/** What callers notice when one of three instances is killed with SIGKILL under load. */
export async function killOne(place: Place): Promise<readonly Facts[]> {
  const facts: Facts[] = [];
  for (const [name, file] of Object.entries(PEERS)) facts.push(await rehearse(name, file, place));
  return facts;
}

async function rehearse(name: string, file: string, place: Place): Promise<Facts> {
  const pair = await startPair(name, file, place, { servers: [{}, {}, {}] });
  const calm = await pair.run({ ...LOAD, durationMs: 1_000 });
  const running = pair.caller.ask<typeof calm>('load', LOAD);
  await sleep(KILL_AT_MS);
  pair.servers[0]!.kill();
  const { operations, p99Ms, maxMs, failures } = await running;
  await pair.stop();
  const failed = Object.entries(failures).map(([code, count]) => `${count} ${code}`);
  return {
    peer: name,
    calls: operations,
    failed: failed.join(', ') || 'none',
    'p99 before': formatMs(calm.p99Ms),
    p99: formatMs(p99Ms),
    longest: formatMs(maxMs),
  };
}
