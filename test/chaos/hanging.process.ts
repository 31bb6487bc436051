import 'reflect-metadata';
import { HydraClient } from '../../lib/index.js';

/** Makes one call that is never answered, and says when it has left. */
const { REDIS_URL = '', SERVICE = '' } = process.env;
const client = new HydraClient({ service: SERVICE, redis: REDIS_URL, timeoutMs: 120_000 });
await client.connect();
client.send('hang', {}).subscribe({ error: () => undefined });
setImmediate(() => process.stdout.write(`${JSON.stringify({ ready: true })}\n`));
