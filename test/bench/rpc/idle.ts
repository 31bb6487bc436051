import { setTimeout as sleep } from 'node:timers/promises';

import { countCommands } from '../support/redis-info.js';
import type { Facts } from '../support/report.js';
import { startWorker } from '../support/worker.js';
import type { Place } from './peer.js';

const PEERS: Readonly<Record<string, string>> = {
  ours: 'ours',
  'Nest Redis': 'nest-redis',
  'Moleculer on Redis': 'moleculer',
  'Hydra 1.9': 'hydra',
};
const INSTANCES = 3;

/** What an instance that has nothing to do costs Redis. */
export async function idleCost(place: Place, durationMs: number): Promise<readonly Facts[]> {
  const facts: Facts[] = [];
  for (const [name, file] of Object.entries(PEERS)) {
    const args = [file, JSON.stringify(place)];
    const server = new URL('./server.ts', import.meta.url);
    const instances = await Promise.all(
      Array.from({ length: INSTANCES }, () => startWorker(server, { args })),
    );
    // Starting has commands of its own.
    await sleep(1_000);
    const before = await countCommands(place.redisUrl);
    await sleep(durationMs);
    const commands = (await countCommands(place.redisUrl)) - before;
    await Promise.all(instances.map((instance) => instance.stop()));
    facts.push({ peer: name, 'commands/s': (commands / INSTANCES / (durationMs / 1_000)).toFixed(1) });
  }
  return facts;
}
