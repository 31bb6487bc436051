import { Redis } from 'ioredis';

import { MemoryRedis } from '../../lib/testing/memory-redis.js';

/** A Redis in memory for other processes: the port, then settings as a server takes them (`--maxmemory 1mb`). */
const [port = '0', ...args] = process.argv.slice(2);
const redis = new MemoryRedis();
const url = await redis.listen(Number(port));
await configure();
process.stdout.write(`${url}\n`);
process.once('SIGTERM', () => {
  void redis.close().then(() => process.exit());
});

async function configure(): Promise<void> {
  const words = args.flatMap((arg) => arg.split(' '));
  if (words.length === 0) return;
  const client = new Redis(url, { lazyConnect: true });
  await client.connect();
  for (let at = 0; at < words.length; at += 2) {
    await client.config('SET', words[at]!.replace(/^--/, ''), words[at + 1] ?? '');
  }
  client.disconnect();
}
