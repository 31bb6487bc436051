/** A process that logs a rising number every 10 ms until it is killed, and prints the same number. */
import 'reflect-metadata';

import { resolveOptions, type HydraOptions } from '../../lib/hydra-options.js';
import { HydraLogger } from '../../lib/logging/hydra-logger.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

const given = JSON.parse(process.env['HYDRA_TEST_OPTIONS'] ?? '{}') as HydraOptions;
const options = resolveOptions({ ...given, logging: { maxPerSecond: 1_000 } });
const instance = new HydraInstance(options);
const logger = new HydraLogger(instance).wrap({ log() {}, error() {}, warn() {} });
await instance.presence.announce();
process.stdout.write(`${JSON.stringify({ ready: true, id: instance.id })}\n`);

let number = 0;
setInterval(() => {
  logger.log(String(++number));
  process.stdout.write(`${JSON.stringify({ said: number })}\n`);
}, 10);
