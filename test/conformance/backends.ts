import { Redis } from 'ioredis';

import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { atEnd } from '../support/at-end.js';
import { startPrivateRedis } from '../support/redis.js';
import { comparable } from './comparable.js';

export interface Backends {
  readonly real: Redis;
  readonly memory: Redis;
}

/** A small hash has its fields in the order in which they came; here every one has, as in memory. */
const ORDERED_HASHES = [
  ...['--hash-max-listpack-value', '100000000'],
  ...['--hash-max-listpack-entries', '100000'],
];

/** The same driver on a real server and on the one in memory. */
export async function startBackends(): Promise<Backends> {
  const { url } = await startPrivateRedis(ORDERED_HASHES);
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
    return UNORDERED.includes(name!) ? sorted(answer) : withErrors(answer);
  } catch (error) {
    return withErrors(error);
  }
}

function withErrors(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(withErrors);
  return answer instanceof Error ? `error: ${withoutOwnWords(answer.message)}` : answer;
}

const OWN_WORDS = /(Error compiling script|Expected value but found|attempt to).*/s;

/** Lua and cjson have words of their own for what they cannot read. */
function withoutOwnWords(text: string): string {
  return text.replace(/(user_script:\d+: )?bad argument.*/s, 'bad argument').replace(OWN_WORDS, '$1');
}

/** All that is in a database. */
export async function contentOf(redis: Redis): Promise<unknown> {
  const content: Record<string, unknown> = {};
  for (const key of (await redis.keys('*')).toSorted()) {
    const type = await redis.type(key);
    const value = comparable(await redis.call(...(READERS[type]!(key) as [string, ...string[]])));
    content[`${type} ${key}`] = ['hash', 'set'].includes(type) ? sorted(value) : value;
    if (type === 'stream') content[`groups of ${key}`] = comparable(await redis.call('XINFO', 'GROUPS', key));
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

/** Arrays, and those in them, in an order of their own. */
export function sorted(answer: unknown): unknown {
  if (!Array.isArray(answer)) return answer;
  return answer.map((item) => JSON.stringify(sorted(item))).toSorted();
}
