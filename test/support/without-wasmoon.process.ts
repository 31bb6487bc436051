import 'reflect-metadata';
import { register } from 'node:module';

import { Module } from '@nestjs/common';

/** As if the optional package were not installed. */
const MISSING = `
export async function resolve(name, context, next) {
  if (name !== 'wasmoon') return next(name, context);
  throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(MISSING)}`);

const { MemoryRedis } = await import('../../lib/testing/memory-redis.js');
const { HydraClient } = await import('../../lib/index.js');

const client = new HydraClient({ service: 'test', redis: new MemoryRedis() });
const failure: unknown = await client.connect().catch((error: unknown) => error);
await client.close();
const { HydraTest } = await import('../../lib/testing/testing.js');
const { HydraModule, InjectConfig } = await import('../../lib/index.js');

class Limits {
  readonly most = 1;
}

@Module({
  imports: [HydraModule.forRoot({ service: 'limited' }), HydraModule.forFeature({ configs: [Limits] })],
})
class LimitedModule {
  constructor(@InjectConfig(Limits) readonly limits: unknown) {}
}

const from = performance.now();
const started: unknown = await HydraTest.create({ modules: [LimitedModule] }).catch(
  (error: unknown) => error,
);
const afterMs = performance.now() - from;
const { jobAdded } = await import('../../lib/diagnostics/channels.js');
const isObserved = jobAdded.hasSubscribers;
process.stdout.write(
  `${JSON.stringify({ ready: true, failure: String(failure), started: String(started), afterMs, isObserved })}\n`,
);
