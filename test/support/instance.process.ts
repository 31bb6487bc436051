/** One instance as a process of its own: `HYDRA_TEST_OPTIONS` has its options as JSON. Prints its id once it is announced. */
import 'reflect-metadata';

import { resolveOptions, type HydraOptions } from '../../lib/hydra-options.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

const options = JSON.parse(process.env['HYDRA_TEST_OPTIONS'] ?? '{}') as HydraOptions & { serves?: boolean };
const instance = new HydraInstance(resolveOptions(options));
await instance.presence.update({ capabilities: { acceptsCalls: true } });
await instance.announce();
process.stdout.write(`${JSON.stringify({ ready: true, id: instance.id })}\n`);

process.stdin.on('data', (chunk: Buffer) => {
  if (!chunk.toString().includes('leave')) return;
  void instance.close().then(() => process.exit(0));
});
