import { Redis } from 'ioredis';

import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { atEnd } from '../support/at-end.js';
import { startPrivateRedis } from '../support/redis.js';

export interface Backends {
  readonly real: Redis;
  readonly memory: Redis;
}

/** The same driver on a real server and on the one in memory. */
export async function startBackends(): Promise<Backends> {
  const { url } = await startPrivateRedis();
  const server = new MemoryRedis();
  atEnd(() => server.close());
  const real = new Redis(url, { lazyConnect: true });
  const memory = new Redis(Object.assign({ lazyConnect: true }, server));
  await Promise.all([real.connect(), memory.connect()]);
  atEnd(() => {
    real.disconnect();
    memory.disconnect();
  });
  return { real, memory };
}

const UNORDERED = ['smembers', 'sdiff', 'sinter', 'sunion', 'hkeys', 'hvals', 'hgetall', 'keys', 'spop'];

/** The answer, or the error, in a form that can be compared. */
export async function answerOf(redis: Redis, [name, ...args]: readonly string[]): Promise<unknown> {
  try {
    const answer = await redis.call(name!, ...args);
    return UNORDERED.includes(name!) ? sorted(answer) : answer;
  } catch (error) {
    return `error: ${(error as Error).message}`;
  }
}

/** All that is in a database. */
export async function contentOf(redis: Redis): Promise<unknown> {
  const content: Record<string, unknown> = {};
  for (const key of (await redis.keys('*')).toSorted()) {
    const type = await redis.type(key);
    content[`${type} ${key}`] = sorted(await redis.call(...(READERS[type]!(key) as [string, ...string[]])));
    content[`groups of ${key}`] = type === 'stream' ? await redis.call('XINFO', 'GROUPS', key) : undefined;
  }
  return content;
}

const READERS: Readonly<Record<string, (key: string) => string[]>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

function sorted(answer: unknown): unknown {
  if (!Array.isArray(answer)) return answer;
  return answer.map((item) => JSON.stringify(item)).toSorted();
}
