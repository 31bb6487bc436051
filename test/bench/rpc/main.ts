import { freePort } from '../../../tools/free-port.mjs';
import { benchOptions } from '../support/options.js';
import { Report } from '../support/report.js';
import { compareTransports } from './compared.js';
import { idleCost } from './idle.js';
import { killOne } from './kill.js';
import { slowOne } from './least-loaded.js';
import { memoryUse } from './memory.js';
import { startNats } from './nats.js';
import type { Place } from './peer.js';
import { startTimes } from './start.js';

const options = benchOptions();
const report = new Report('rpc', options);
const place: Place = {
  redisUrl: options.redisUrl,
  tcpPort: await freePort(),
  natsUrl: (await startNats()) ?? '',
  httpPort: await freePort(),
  grpcPort: await freePort(),
};

const parts: Readonly<Record<string, () => Promise<void>>> = {
  compared: () => compareTransports({ options, report, place }),
  slow: async () =>
    report.facts('one of four instances ten times slower', await slowOne(place, options.runMs * 3)),
  kill: async () => report.facts('kill -9 of one of three instances, c = 64', await killOne(place)),
  memory: async () => report.facts('memory of ours', await memoryUse(place)),
  start: async () =>
    report.facts(
      'from the start of a process to its first answer',
      await startTimes(place.redisUrl, options.rounds * 2),
    ),
  idle: async () => report.facts('an idle instance', await idleCost(place, options.runMs * 5)),
};
for (const [name, run] of Object.entries(parts)) if (options.wants(name)) await run();
report.end();
