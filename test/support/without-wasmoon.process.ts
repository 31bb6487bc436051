import { register } from 'node:module';

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
process.stdout.write(`${JSON.stringify({ ready: true, failure: String(failure) })}\n`);
