import { Controller, Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

import { DeadLetter, HydraError, QueuePattern, QueueService } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let handled = 0;

@Controller()
class WorkController {
  @QueuePattern('work', { concurrency: 20 })
  work(): void {
    handled++;
  }

  @QueuePattern('doomed')
  doomed(): never {
    throw new DeadLetter('no use');
  }
}

beforeEach(() => Logger.overrideLogger(false));

describe('a Redis that is full', () => {
  it('refuses what would fill it, with an id too, and the jobs that filled it are handled', async () => {
    const { url } = await startPrivateRedis();
    const admin = new Redis(url);
    const service = uniqueService('full');
    const worker = await startService({ service, redis: url }, [WorkController]);
    const queue = worker.app.get(QueueService);
    await queue.pause();
    const used = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', `${used + 2_000_000}`);
    const data = { text: 'x'.repeat(2_000) };
    let count = 0;
    let refused: unknown;
    while (!refused) {
      const jobs = Array.from({ length: 50 }, (_, n) => ({ pattern: 'work', data, id: `${count + n}` }));
      const added = await Promise.allSettled(jobs.map(({ pattern, id }) => queue.add(pattern, data, { id })));
      count += added.filter(({ status }) => status === 'fulfilled').length;
      refused = added.find((result) => result.status === 'rejected')?.reason;
    }
    expect(refused).toBeInstanceOf(HydraError);
    expect(refused).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true });
    // What Redis counts goes up and down with the buffers of its clients: half a megabyte below it is full in any case.
    const full = Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
    await admin.config('SET', 'maxmemory', `${full - 500_000}`);
    for (const options of [{ id: 'late' }, {}, { delayMs: 1 }, { priority: 'high' as const }]) {
      await expect(queue.add('work', data, options)).rejects.toThrow('OOM');
    }
    // Full all the while: nothing is freed but by the jobs that end.
    handled = 0;
    await queue.resume().catch(() => undefined);
    await eventually(() => handled === count, { what: 'all to be handled', timeoutMs: 20_000 });
    const isWhole = async () => (await queue.add('work', data, { id: 'late' })).isNew;
    await eventually(isWhole, { what: 'one more to be taken' });
    admin.disconnect();
    await worker.close();
  }, 60_000);
});

describe('a worker whose clock is fifteen days ahead', () => {
  it('deletes no dead letter and no outcome, and what it writes has the time of Redis', async () => {
    const options = { service: uniqueService('ahead'), redis: await testRedis() };
    const worker = await startService(options, [WorkController]);
    const queue = worker.app.get(QueueService);
    const jobs = await queue.addBulk([
      { pattern: 'work', data: 1 },
      { pattern: 'doomed', data: 1 },
    ]);
    await eventually(async () => (await queue.counts()).dead === 1, { what: 'the dead letter' });
    await jobs[0]!.result();
    const instance = new HydraInstance(resolveOptions(options));
    await instance.open();
    const link = new WorkerLink(instance, 'default');
    const realNow = Date.now.bind(Date);
    const before = realNow();
    Date.now = () => realNow() + 15 * 86_400_000;
    try {
      await link.recover([]);
      expect((await link.retention.look(500)).forgotten).toBe(0);
      await queue.add('doomed', 2);
      await eventually(async () => (await queue.counts()).dead === 2, { what: 'a second one' });
    } finally {
      Date.now = realNow;
    }
    const [, late] = await queue.deadLetters();
    expect(Math.abs(late!.diedAt!.getTime() - before)).toBeLessThan(60_000);
    expect(Math.abs(late!.history[0]!.at - before)).toBeLessThan(60_000);
    expect(await queue.counts()).toMatchObject({ dead: 2, completed: 1 });
    await instance.close();
    await worker.close();
  }, 20_000);
});

describe('an outcome that is looked up', () => {
  it('of a dead job costs no search through the dead letters', async () => {
    const service = uniqueService('look');
    const { url } = await startPrivateRedis();
    const worker = await startService({ service, redis: url }, [WorkController]);
    const { keys, redis } = worker.app.get(HydraInstance);
    const { incomplete } = createQueueKeys(keys, service);
    const queue = worker.app.get(QueueService);
    const text = JSON.stringify({ to: `${service}:/`, mid: 'other', bdy: { text: 'x'.repeat(20_000) } });
    for (let n = 0; n < 20; n++) await redis.commands.rpush(incomplete, ...Array<string>(100).fill(text));
    const { id } = await queue.add('doomed', {});
    await eventually(async () => (await queue.counts()).dead === 2_001, { what: 'its end' });
    await redis.commands.config('RESETSTAT');
    await expect((await queue.add('doomed', {}, { id: 'it' })).result()).rejects.toThrow('no use');
    const stats = await redis.commands.info('commandstats');
    expect(stats).not.toContain('cmdstat_lrange');
    // One of them again, out of all: in bounded steps, and the others do not travel.
    await redis.commands.config('RESETSTAT');
    expect(await queue.redrive(id, { dryRun: true })).toEqual([id]);
    const sent = Number(/total_net_output_bytes:(\d+)/.exec(await redis.commands.info('stats'))?.[1]);
    expect(sent).toBeLessThan(1_000_000);
    await worker.close();
  }, 30_000);
});
