import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { throwError } from 'rxjs';

import { QueuePattern, QueueService, Retry, type HydraOptions } from '../../lib/index.js';
import type { BoundHandler } from '../../lib/delivery/source.js';
import { resolveOptions, type ResolvedJobOptions } from '../../lib/hydra-options.js';
import { WakeUpListener } from '../../lib/queue/waking/wake-up-listener.js';
import type { HeldJob } from '../../lib/queue/worker/held-job.js';
import { PatternSlots } from '../../lib/queue/worker/pattern-slots.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import type { LeaseOutcome } from '../../lib/queue/scripts/lease-outcome.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const brokenBackoff = (): never => {
  throw new Error('a mistake in the backoff');
};
const failed = new Set<unknown>();

@Controller()
class OddController {
  @QueuePattern('put-off')
  putOff(@Payload() ms: string): Retry {
    return Retry.after(Number(ms));
  }

  @QueuePattern('plain', { concurrency: 100 })
  plain(@Payload() data: unknown): unknown {
    return data;
  }

  @QueuePattern('thrown', { backoff: brokenBackoff })
  thrown(): never {
    throw new Error('thrown');
  }

  @QueuePattern('streamed', { backoff: brokenBackoff })
  streamed(): unknown {
    return throwError(() => new Error('streamed'));
  }

  @QueuePattern('first-fails', { concurrency: 10, attempts: 20, backoff: 300 })
  firstFails(): string {
    if (failed.size < 10) {
      failed.add({});
      throw new Error('one of the first');
    }
    return 'done';
  }
}

let options: HydraOptions & { service: string };
let instance: HydraInstance;

const keysOf = () => createQueueKeys(instance.keys, options.service);
/** One with room for anything: what is no message is taken by anybody. */
const slots = new PatternSlots<HeldJob>(
  { pattern: 'any' } as BoundHandler,
  { concurrency: 10_000, rateLimit: undefined } as ResolvedJobOptions,
);

const contextOf = ({ id, redis, keys, clock }: HydraInstance) => ({ id, redis, keys, clock });

const linkOf = (settings: Partial<HydraOptions> = {}) =>
  new WorkerLink(
    { ...contextOf(instance), options: resolveOptions(asOwnUser({ ...options, ...settings })) },
    'default',
  );

beforeEach(async () => {
  Logger.overrideLogger(false);
  options = { service: uniqueService('odd'), redis: await testRedis() };
  instance = new HydraInstance(resolveOptions(options));
  await instance.open();
});

afterEach(() => instance.close());

describe('a job whose handler does an odd thing', () => {
  let queue: QueueService;
  let close: () => Promise<void>;

  beforeEach(async () => {
    const worker = await startService(options, [OddController]);
    queue = worker.app.get(QueueService);
    close = () => worker.close();
  });
  afterEach(() => close());

  it.each(['NaN', 'Infinity', '1e21'])(
    'is not lost when it is put off for %s ms, nor its batch',
    async (ms) => {
      const jobs = await queue.addBulk([
        { pattern: 'plain', data: 1 },
        { pattern: 'put-off', data: ms, attempts: 2 },
        { pattern: 'plain', data: 2 },
      ]);
      expect(await jobs[0]!.result()).toBe(1);
      expect(await jobs[2]!.result()).toBe(2);
      // No number means at once, so that its attempts end; too large a one is very far away.
      const state = ms === 'NaN' ? 'dead' : 'delayed';
      await eventually(async () => (await queue.get(jobs[1]!.id))?.state === state, { what: 'the job' });
    },
  );

  it.each(['thrown', 'streamed'])(
    'is tried again by the default rule when its backoff fails (%s)',
    async (pattern) => {
      const job = await queue.add(pattern, {}, { attempts: 2 });
      await eventually(async () => (await queue.get(job.id))?.state === 'delayed', { what: 'the retry' });
      await expect(job.result()).rejects.toThrow(pattern);
    },
  );

  it('is one of many of the same text, and none of them takes the place of another', async () => {
    failed.clear();
    const text = JSON.stringify({ to: `${options.service}:/`, typ: 'first-fails', bdy: {} });
    await instance.redis.commands.lpush(keysOf().waiting, ...Array.from({ length: 10 }, () => text));
    await eventually(async () => (await queue.counts()).completed === 10, { what: 'all of them' });
  });
});

describe('a job of a foreign producer that says it was added', () => {
  it.each(['0001-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z', '+275760-09-13T00:00:00.000Z', 'yesterday'])(
    'at %s is tried again like any other, and costs none that end with it',
    async (ts) => {
      const worker = await startService(options, [OddController]);
      const queue = worker.app.get(QueueService);
      const text = (mid: string, typ: string) =>
        JSON.stringify({ to: `${options.service}:/`, mid, ts, typ, bdy: 1 });
      const others = Array.from({ length: 20 }, (_, n) => text(`other-${n}`, 'plain'));
      await instance.redis.commands.lpush(keysOf().waiting, text('odd', 'thrown'), ...others);
      await eventually(async () => (await queue.counts()).completed === 20, { what: 'the others' });
      await eventually(async () => (await queue.get('odd'))?.state === 'delayed', { what: 'the retry' });
      await queue.changeDelay('odd', 60_000);
      expect(await queue.get('odd')).toMatchObject({ state: 'delayed', attempts: 1 });
      await worker.close();
    },
  );
});

describe('a turn', () => {
  let turns = 0;
  const talk = (link: WorkerLink, outcomes: readonly LeaseOutcome[], wanted = 0, leases = 0) =>
    link.exchange({ count: ++turns, outcomes, wanted, leases, slots: [slots], isIdle: false });
  const take = async (link: WorkerLink, count: number, text = (n: number) => `job ${n}`) => {
    const texts = Array.from({ length: count }, (_, n) => text(n));
    await instance.redis.commands.lpush(keysOf().waiting, ...texts);
    const reply = await talk(link, [], count);
    return (n: number) => `${Number(reply[3]) + n}-${turns}`;
  };

  it('that cannot be read changes nothing', async () => {
    const link = linkOf();
    const leaseOf = await take(link, 2);
    const done = { what: 'done', lease: leaseOf(0), id: 'a', event: '{"finishedOn":1}' } as const;
    const retry = {
      what: 'retry',
      id: '',
      addedAt: 0,
      lease: leaseOf(1),
      delayMs: Number.NaN,
      state: {},
      event: '',
    } as const;
    await expect(talk(link, [done, retry])).rejects.toThrow('is not to be read');
    expect(await instance.redis.commands.hlen(keysOf().leases(instance.id))).toBe(2);
  });

  it('that Redis ends in its middle loses no outcome, and tells none twice', async () => {
    const { commands } = instance.redis;
    const link = linkOf();
    const leaseOf = await take(link, 2);
    const done = { what: 'done', lease: leaseOf(0), id: 'a', event: '{"finishedOn":1}' } as const;
    const retry = {
      what: 'retry',
      lease: leaseOf(1),
      id: '',
      addedAt: 0,
      delayMs: 60_000,
      state: {},
      event: '',
    } as const;
    await commands.set(keysOf().results, 'no hash');
    for (let again = 0; again < 3; again++)
      await expect(talk(link, [retry, done])).rejects.toThrow('WRONGTYPE');
    await commands.del(keysOf().results);
    const [refused] = await talk(link, [retry, done]);
    expect(refused).toEqual([retry.lease]);
    expect(await commands.hgetall(keysOf().results)).toEqual({ a: done.event });
    expect(await commands.zcard(keysOf().delayed)).toBe(1);
    expect(await commands.exists(keysOf().high, keysOf().leases(instance.id))).toBe(0);
  });

  it('forgets part of what is too much, when very much less is to be kept than before', async () => {
    const { commands } = instance.redis;
    const ids = Array.from({ length: 9_000 }, (_, n) => `old ${n}`);
    await commands.zadd(keysOf().finished, ...ids.flatMap((id) => [1, id]));
    await commands.hset(keysOf().results, ...ids.flatMap((id) => [id, '{"finishedOn":1}']));
    const link = linkOf({ queue: { completed: { count: 10 } } });
    const end = async (n: number) => {
      const lease = (await take(link, 1))(0);
      await talk(link, [{ what: 'done', lease, id: `new ${n}`, event: '{"finishedOn":2}' }]);
    };
    for (let n = 0; n < 9; n++) await end(n);
    expect(await commands.zcard(keysOf().finished)).toBe(10);
    expect(await commands.hlen(keysOf().results)).toBe(10);
  });
});

describe('an idle worker', () => {
  it('does not look again and again for what is due after more than a timer can wait', async () => {
    let rings = 0;
    const doorbell = new WakeUpListener(instance, keysOf(), {
      wake: () => rings++,
      chosen: () => undefined,
      cancelled: () => undefined,
    });
    await doorbell.open();
    doorbell.wait(30 * 86_400_000, false);
    // Timers go off in their order: one that is too long for Node goes off after 1 ms.
    await new Promise((resolve) => setTimeout(resolve, 50));
    doorbell.close();
    expect(rings).toBe(0);
  });

  it('talks to Redis often enough to be seen, however long its life is', () => {
    expect(linkOf({ presence: { ttlMs: 120_000 } }).renewEveryMs).toBeLessThanOrEqual(2_000);
  });
});
