import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, type HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class ChangedController {
  @QueuePattern('echo')
  echo(@Payload() data: unknown, @Ctx() job: HydraJobContext): unknown {
    return [data, job.attempt, job.getMetadata()['who'] ?? 'nobody'];
  }

  @QueuePattern('fails once', { attempts: 2, backoff: 600_000 })
  failsOnce(@Payload() data: unknown, @Ctx() { attempt }: HydraJobContext): unknown {
    if (attempt === 1) throw new Error('the first time');
    return [data, attempt];
  }
}

let options: HydraOptions & { service: string };
let queue: QueueService;
let instance: HydraInstance;
let keys: QueueKeys;
let close: () => Promise<unknown>;

beforeEach(async () => {
  Logger.overrideLogger(false);
  options = { service: uniqueService('changes'), redis: await testRedis(), maxPayloadBytes: 2_000 };
  const worker = await startService(options, [ChangedController]);
  queue = worker.app.get(QueueService);
  instance = worker.app.get(HydraInstance);
  keys = createQueueKeys(instance.keys, options.service);
  close = () => worker.close();
});

afterEach(() => close());

const failed = async () => {
  const job = await queue.add('fails once', 'old');
  await eventually(async () => (await queue.get(job.id))?.state === 'delayed', { what: 'its failure' });
  return job;
};

describe('a delayed job', () => {
  it('starts when it is promoted', async () => {
    const job = await queue.add('echo', 1, { delayMs: 600_000, id: 'own' });
    expect(await queue.promote('own')).toBe(true);
    expect(await job.result({ timeoutMs: 10_000 })).toEqual([1, 1, 'nobody']);
    expect(await queue.promote('own')).toBe(false);
    expect(await queue.promote('nobody')).toBe(false);
  });

  it('that waits for its next attempt starts too, and has its attempts', async () => {
    const job = await failed();
    expect(await queue.promote(job.id)).toBe(true);
    expect(await job.result({ timeoutMs: 10_000 })).toEqual(['old', 2]);
  });

  it('starts earlier or later when its delay is changed', async () => {
    const sooner = await queue.add('echo', 1, { delayMs: 600_000 });
    const later = await queue.add('echo', 2, { delayMs: 1_500 });
    expect(await queue.changeDelay(later.id, 600_000)).toBe(true);
    expect(await queue.changeDelay(sooner.id, 50)).toBe(true);
    expect(await sooner.result({ timeoutMs: 10_000 })).toEqual([1, 1, 'nobody']);
    const view = await queue.get(later.id);
    expect(view).toMatchObject({ state: 'delayed' });
    expect(view!.dueAt!.getTime() - Date.now()).toBeGreaterThan(500_000);
    await expect(queue.changeDelay(later.id, -1)).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('a job that has not begun', () => {
  it('is given other data, and keeps everything else', async () => {
    await queue.pause();
    const settings = { headers: { who: 'me' }, attempts: 3 };
    const [first, second, urgent, delayed] = [
      await queue.add('echo', 'a', settings),
      await queue.add('echo', 'b', settings),
      await queue.add('echo', 'c', { ...settings, priority: 'high' }),
      await queue.add('echo', 'd', { ...settings, delayMs: 60_000 }),
    ];
    const before = await queue.get(second.id);
    for (const job of [second, urgent, delayed])
      expect(await queue.update(job.id, { new: job.id })).toBe(true);
    expect(await queue.get(second.id)).toEqual({ ...before, data: { new: second.id } });
    expect((await queue.list('waiting')).map(({ id }) => id)).toEqual([urgent.id, first.id, second.id]);
    expect(await queue.update('nobody', 1)).toBe(false);
    await queue.resume();
    await queue.promote(delayed.id);
    for (const job of [second, urgent, delayed])
      expect(await job.result()).toEqual([{ new: job.id }, 1, 'me']);
    expect(await first.result()).toEqual(['a', 1, 'me']);
    expect(await queue.update(first.id, 1)).toBe(false);
  });

  it('keeps what is remembered of its attempts', async () => {
    const job = await failed();
    expect(await queue.update(job.id, Buffer.from([1, 2]))).toBe(true);
    expect(await queue.get(job.id)).toMatchObject({
      attempts: 1,
      error: expect.stringContaining('first time'),
    });
    expect(await instance.redis.commands.hlen(keys.state)).toBe(1);
    await queue.promote(job.id);
    await eventually(async () => (await queue.get(job.id))?.state === 'completed', { what: 'its end' });
    expect(await instance.redis.commands.hlen(keys.state)).toBe(0);
  });

  it('is not given what no job can have', async () => {
    const job = await queue.add('echo', 'a', { delayMs: 60_000 });
    await expect(queue.update(job.id, 1n)).rejects.toMatchObject({ code: 'BAD_PAYLOAD' });
    await expect(queue.update(job.id, 'x'.repeat(3_000))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    expect((await queue.get(job.id))?.data).toBe('a');
  });
});
