import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { StreamPattern, StreamService } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const USER = 'limited';
const streamFor = (right: string, order: string) => `rights-${right}-${order}`;
const seen: string[] = [];
let fails = true;

/** What the scripts of a group use one after another: each of them may be what is missing in the middle. */
const RIGHTS = [
  'xack',
  'xclaim',
  'xadd',
  'zrem',
  'zadd',
  'xdel',
  'set',
  'get',
  'xinfo',
  'xpending',
  'xrange',
  'zrangebylex',
  'pttl',
  'pexpire',
  'xgroup',
] as const;

function handlersOf(stream: string, orderBy?: string) {
  @Controller()
  class Handlers {
    @StreamPattern(stream, {
      attempts: 1,
      from: 'beginning',
      group: 'g',
      ...(orderBy && { orderBy }),
    })
    handle(@Payload() { n, bad }: { n: number; bad?: boolean }): void {
      seen.push(`${stream} ${n}`);
      if (bad && fails) throw new Error('no');
    }
  }
  return Handlers;
}

let admin: Redis;
let url: string;
let limited: string;
/** Of an application with that user, which stands on while its rights change. */
let streams: StreamService;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  atEnd(() => admin.disconnect());
  await admin.call('ACL', 'SETUSER', USER, 'on', '>secret', '~*', '&*', '+@all');
  limited = url.replace('redis://', `redis://${USER}:secret@`);
  // Each failure would be written with its stack.
  Logger.overrideLogger(false);
  const { app } = await startCaller({ service: uniqueService(), redis: limited }, []);
  streams = app.get(StreamService);
}, 30_000);

const forbid = (right: string) => admin.call('ACL', 'SETUSER', USER, `-${right}`);
const allow = (right: string) => admin.call('ACL', 'SETUSER', USER, `+${right}`);

describe.each(RIGHTS)('a group whose Redis user loses the right to %s while it works', (right) => {
  it.each(['ordered', 'unordered'])('does nothing by half, and goes on with it (%s)', async (order) => {
    const stream = streamFor(right, order);
    const key = `hydra:stream:${stream}`;
    const dead = `${key}:dead:g`;
    fails = true;
    const controller = handlersOf(stream, order === 'ordered' ? 'k' : undefined);
    const server = await startService({ service: uniqueService(), redis: limited }, [controller]);
    const add = (n: number, bad = false) =>
      admin.xadd(key, '*', 'hydra', '1', 'data', JSON.stringify({ k: 'one', n, bad }));
    const letters = () => admin.xlen(dead);
    const pending = async () => ((await admin.xpending(key, 'g')) as [number])[0];
    await add(0);
    await eventually(async () => seen.includes(`${stream} 0`) && (await pending()) === 0, {
      what: 'the first',
    });

    await forbid(right);
    try {
      await add(1, true);
      await add(2);
      await add(3, true);
      await new Promise((resolve) => setTimeout(resolve, 400));
    } finally {
      await allow(right);
    }
    await eventually(async () => (await pending()) === 0 && (await letters()) === 2, {
      what: 'all to end, and two dead letters',
      timeoutMs: 15_000,
    });
    const ids = (await admin.xrange(dead, '-', '+')).map(([, fields]) => fields[1]);
    expect(new Set(ids).size).toBe(2);
    expect(await admin.zcard(`${key}:order:g`)).toBe(0);

    // Given back while the right is missing, each letter is there, or given back; never both, never neither.
    await forbid(right);
    fails = false;
    await admin.xtrim(key, 'MAXLEN', 0);
    const result = await streams.redrive(stream, 'all', { group: 'g' }).catch((error: unknown) => error);
    const left = await letters();
    const stored = await admin.xlen(key);
    expect(left + stored).toBe(2);
    if (right === 'xadd' || right === 'xdel') expect(result).toMatchObject({ code: 'FORBIDDEN' });
    await allow(right);
    await server.close();
  });
});

describe('listen', () => {
  it.each<[what: string, stream: string, arrange: () => Promise<unknown>, message: RegExp]>([
    [
      'something else has the key of its stream',
      'rights-taken',
      () => admin.set('hydra:stream:rights-taken', 'x'),
      /join group g of rights-taken: .*WRONGTYPE/,
    ],
    [
      'its user may not join the group',
      'rights-none',
      () => forbid('xgroup'),
      /FORBIDDEN.* join group g of rights-none/,
    ],
  ])('rejects when %s', async (_what, stream, arrange, message) => {
    await arrange();
    const started = startService({ service: uniqueService(), redis: limited }, [handlersOf(stream)]);
    await expect(started).rejects.toThrow(message);
    await allow('xgroup');
  });
});

/** Every command of the scripts that administer a group: each may be what is missing. */
const ADMIN_RIGHTS = [
  'exists',
  'xinfo',
  'xrange',
  'xpending',
  'xclaim',
  'xack',
  'xadd',
  'xdel',
  'xsetid',
  'get',
  'unlink',
  'xgroup',
] as const;

describe.each(ADMIN_RIGHTS)('a user without the right to %s', (right) => {
  const group = 'g';
  const stream = `rights-admin-${right}`;
  const key = `hydra:stream:${stream}`;

  const state = async () => {
    const [about] = (await admin.xinfo('GROUPS', key)) as unknown[][];
    const [pending] = (await admin.xpending(key, group)) as [number];
    return [pending, about?.[7], await admin.xlen(`${key}:dead:${group}`), await admin.xlen(key)];
  };

  beforeAll(async () => {
    await admin.xgroup('CREATE', key, group, '0', 'MKSTREAM');
    const writes = admin.pipeline();
    for (let n = 0; n < 600; n++) writes.xadd(key, '*', 'hydra', '1', 'data', String(n));
    await writes.exec();
    await admin.xreadgroup('GROUP', group, 'a', 'COUNT', 598, 'STREAMS', key, '>');
    const [first] = await admin.xrange(key, '-', '+', 'COUNT', 1);
    const letter = ['hydra-attempts', '1', 'hydra-reason', 'no', 'hydra', '1', 'data', '1'];
    await admin.xadd(`${key}:dead:${group}`, '*', 'hydra-id', first![0], ...letter);
  }, 30_000);

  it.each<[what: string, act: () => Promise<unknown>]>([
    ['moves no group by half', () => streams.replay(stream, group, 'beginning')],
    ['removes no group by half', () => streams.removeGroup(stream, group)],
  ])('%s', async (_what, act) => {
    const before = await state();
    await forbid(right);
    const outcome = await act().catch((error: unknown) => error);
    await allow(right);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'FORBIDDEN' });
      expect(await state()).toEqual(before);
    }
  });
});
