import * as fc from 'fast-check';
import type { Redis } from 'ioredis';

import { answerOf, contentOf, startBackends, type Backends } from './backends.js';
import { commandsOf, FAMILIES } from './sequences.js';

const RUNS = Number(process.env['HYDRA_CONFORMANCE_RUNS'] ?? 6);
const SEED = Number(process.env['HYDRA_CONFORMANCE_SEED'] ?? 1);

/** Rules of ACL SETUSER. */
const RULES =
  '+@all -@all +@read -@write +@hash -@fast +@stream +get -get +set -set -eval +eval +client|setname -client|setname +config|get ~* ~a* ~b %R~a %W~c %RW~b allkeys resetkeys &* &x allchannels resetchannels +nosuch -@nosuch %X~a @all'.split(
    ' ',
  );
const TRIED = [
  ['get', 'a'],
  ['get', 'b'],
  ['set', 'a', '1'],
  ['set', 'c', '1'],
  ['copy', 'a', 'b'],
  ['mget', 'a', 'b', 'c'],
  ['hset', 'a', 'f', 'v'],
  ['xread', 'STREAMS', 'a', 'b', '0', '0'],
  ['xadd', 'b', '1-1', 'f', 'v'],
  ['publish', 'x', 'text'],
  ['publish', 'y', 'text'],
  ['client', 'setname', 'me'],
  ['client', 'getname'],
  ['config', 'get', 'maxmemory'],
  ['eval', 'return redis.call("get", KEYS[1])', '1', 'a'],
  ['eval', 'return redis.call("set", KEYS[1], "1")', '1', 'c'],
  ['eval', 'return redis.call("get", "b")', '0'],
  ['eval', 'return redis.call("publish", "y", "1")', '0'],
  ['eval', 'return {redis.acl_check_cmd("get", "a"), redis.acl_check_cmd("set", "c", "1")}', '0'],
  [
    'eval',
    'return {redis.acl_check_cmd("scan"), redis.acl_check_cmd("get"), redis.acl_check_cmd("ping")}',
    '0',
  ],
  ['ping'],
  ['nosuch'],
];

let backends: Backends;
let users: Backends;

beforeAll(async () => {
  backends = await startBackends();
  const { real, memory } = backends;
  users = { real: real.duplicate(), memory: memory.duplicate() };
  await Promise.all([users.real.connect(), users.memory.connect()]);
});

afterAll(() => {
  users.real.disconnect();
  users.memory.disconnect();
});

async function both(from: Backends, command: readonly string[]): Promise<void> {
  const [expected, actual] = await Promise.all([
    answerOf(from.real, command),
    answerOf(from.memory, command),
  ]);
  expect({ command, answer: actual }).toEqual({ command, answer: expected });
}

async function inBoth(act: (redis: Redis) => Promise<unknown>): Promise<void> {
  await Promise.all([act(backends.real), act(backends.memory)]);
}

async function reset(redis: Redis): Promise<void> {
  await endTransaction(redis);
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
}

function endTransaction(redis: Redis): Promise<unknown> {
  return redis.call('DISCARD').catch(() => redis.call('UNWATCH'));
}

describe('a Redis in memory refuses as a real one', () => {
  it('what a user has no right to', async () => {
    const rules = fc.array(fc.constantFrom(...RULES), { maxLength: 8 });
    const property = fc.asyncProperty(rules, async (given) => {
      await inBoth(async (redis) => {
        await redis.flushall();
        await redis.call('ACL', 'DELUSER', 'user');
        await redis.call('ACL', 'SETUSER', 'user', 'on', '>secret', '+auth');
      });
      for (const rule of given) await both(backends, ['acl', 'setuser', 'user', rule]);
      await both(users, ['auth', 'user', 'wrong']);
      await both(users, ['auth', 'user', 'secret']);
      for (const command of TRIED) await both(users, command);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS * 5 });
  });

  it('to anybody who has not said who he is', async () => {
    await inBoth((redis) => redis.config('SET', 'requirepass', 'secret'));
    await both(users, ['reset']);
    for (const command of [...TRIED, ['hello', '3'], ['auth', 'wrong'], ['auth', 'secret'], ['ping']])
      await both(users, command);
    await inBoth((redis) => redis.config('SET', 'requirepass', ''));
  });

  it.each(Object.keys(FAMILIES))('what needs memory while it is full: %s', async (family) => {
    const commands = commandsOf(family, 40);
    const property = fc.asyncProperty(commands, commands, async (before, after) => {
      await inBoth(reset);
      for (const command of before) await both(backends, command);
      await inBoth(endTransaction);
      await inBoth((redis) => redis.config('SET', 'maxmemory', '1'));
      for (const command of after) await both(backends, command);
      await inBoth(endTransaction);
      expect(await contentOf(backends.memory)).toEqual(await contentOf(backends.real));
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
  });
});
