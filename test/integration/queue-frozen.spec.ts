import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

import type { BoundHandler } from '../../lib/delivery/source.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions, type ResolvedJobOptions } from '../../lib/hydra-options.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import {
  endSchedule,
  fireTick,
  lookAtSchedules,
  setSchedule,
} from '../../lib/queue/scripts/schedule-scripts.js';
import { PatternSlots } from '../../lib/queue/worker/pattern-slots.js';
import type { HeldJob } from '../../lib/queue/worker/held-job.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { asOwnUser } from '../support/own-user.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let instance: HydraInstance;
let keys: QueueKeys;
let link: WorkerLink;

beforeEach(async () => {
  Logger.overrideLogger(false);
  const service = uniqueService('frozen');
  instance = new HydraInstance(resolveOptions(asOwnUser({ service, redis: await testRedis() })));
  await instance.open();
  keys = createQueueKeys(instance.keys, service);
  link = new WorkerLink(instance, 'default');
});

afterEach(() => instance.close());

/** Somebody has looked without a pause for longer than a worker lives. */
const looked = async () => {
  const now = await redisNow();
  await instance.redis.commands.set(keys.watch, `1 ${now}`);
};
const redisNow = async () => {
  const [seconds] = await instance.redis.commands.time();
  return Number(seconds) * 1_000;
};

describe('a worker that was given up', () => {
  it('is looked after for another minute: a job may still come to its inbox', async () => {
    const { commands } = instance.redis;
    await commands.zadd(keys.owners, (await redisNow()) - 5_000, 'ghost');
    await looked();
    await link.recover([]);
    await commands.lpush(keys.inbox('ghost'), 'late');
    await link.recover([]);
    expect(await commands.lrange(keys.waiting, 0, -1)).toEqual(['late']);
  });

  it('is forgotten then', async () => {
    const { commands } = instance.redis;
    await commands.zadd(keys.owners, (await redisNow()) - 70_000, 'ghost');
    await looked();
    await link.recover([]);
    expect(await commands.zrange(keys.owners, '0', '-1')).toEqual([instance.id]);
  });
});

describe('a worker that slept', () => {
  it('sets no job aside where nobody would look for it', async () => {
    const { commands } = instance.redis;
    const bound = { pattern: 'any' } as BoundHandler;
    const slots = new PatternSlots<HeldJob>(bound, { concurrency: 10 } as ResolvedJobOptions);
    await commands.lpush(keys.waiting, 'no message');
    const asked = { wanted: 1, leases: 0, slots: [slots], isIdle: false, outcomes: [] };
    const [, jobs, , fence] = await link.exchange({ ...asked, count: 1 });
    expect(jobs).toEqual(['no message']);
    const aside = { what: 'aside', lease: `${fence}-1`, list: keys.aside('gone') } as const;
    await link.exchange({ ...asked, wanted: 0, outcomes: [aside], leases: 1, count: 2 });
    expect(await commands.lrange(keys.aside('gone'), 0, -1)).toEqual(['no message']);
    expect(await commands.zrange(keys.patterns, '0', '-1')).toContain('gone');
  });
});

/** Unix ms, of a far year. */
const NEXT_TICK = 9_000_000_000_000;

describe('repeating jobs that were set without a mark', () => {
  it.each(['ended', 'over'])('are not all forgotten once another is %s', async (how) => {
    const { commands } = instance.redis;
    await commands.hset(keys.schedules, 'stays', '{}', 'goes', '{}');
    await commands.zadd(keys.ticks, 1, 'stays', 1, 'goes');
    const { schedules, ticks, ticked, waiting, ids, ranked, patterns, idle, hints } = keys;
    const names = [schedules, ticks, waiting, ticked, ids, ranked, patterns, idle, hints];
    const given = ['goes', 1, '{}', '', 'job', '', 1, 1, '', '', 'any', keys.wakeOf('')];
    const end =
      how === 'ended'
        ? endSchedule.run(commands, [schedules, ticks, ticked, 'goes'])
        : fireTick.run(commands, [...names, ...given]);
    expect(await end).toBe(1);
    expect(await commands.hkeys(schedules)).toEqual(['stays']);
    expect(await commands.pttl(schedules)).toBe(-1);
    expect(await lookAtSchedules.run(commands, [schedules])).toEqual(['', 'stays']);
    const set = ['stays', '{}', NEXT_TICK, keys.wake, 'mark', '', '', 0];
    expect(await setSchedule.run(commands, [schedules, ticks, ticked, ...set])).toBe('mark');
  });
});

describe('a script of the repeating jobs that lacks a right', () => {
  const ALL =
    'hsetnx hset hget hdel hlen hexists hkeys persist pexpire zadd zrem zscore zrangebyscore lpush publish';

  it.each(ALL.split(' '))('changes nothing, or all that it has to: %s', async (denied) => {
    const { url, port } = await startPrivateRedis();
    const admin = new Redis(url);
    await admin.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', `-${denied}`);
    const limited = new Redis({ port, username: 'limited', password: 'secret' });
    const names = ['schedules', 'ticks', 'waiting', 'ticked'];
    const all = [...names, 'ids', 'ranked', 'patterns', 'idle', 'hints'];
    const rest = ['job', '', 1, 1, '', '', 'any', 'wake:'];
    const fireWith = (next: string | number) =>
      fireTick.run(limited, [...all, 'due', 1, '{}', next, ...rest]);
    const state = async () => JSON.stringify(await Promise.all(names.map((name) => admin.dump(name))));
    const scripts = {
      set: () =>
        setSchedule.run(limited, [
          'schedules',
          'ticks',
          'ticked',
          'new',
          '{}',
          NEXT_TICK,
          'wake',
          'mark',
          '',
          '',
          0,
        ]),
      fire: () => fireWith(''),
      'fire again': () => fireWith(9),
      end: () => endSchedule.run(limited, ['schedules', 'ticks', 'ticked', 'due']),
    };
    for (const [name, run] of Object.entries(scripts)) {
      await admin.flushall();
      await admin.hset('schedules', 'due', '{}');
      await admin.zadd('ticks', 1, 'due');
      const before = await state();
      const isRefused = await run().then(
        () => false,
        () => true,
      );
      expect([name, isRefused === (before === (await state()))]).toEqual([name, true]);
    }
    admin.disconnect();
    limited.disconnect();
  });
});
