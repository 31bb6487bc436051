import { startRedis } from '../../lib/testing/testing.js';

/** A test that is killed before it could stop its Redis. */
const { port } = await startRedis();
process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
setInterval(() => undefined, 60_000);
