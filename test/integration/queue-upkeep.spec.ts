import { Controller, Logger } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService, Retry } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra.options.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/queue.keys.js';
import { WorkerLink } from '../../lib/queue/worker.link.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class DoomedController {
  @QueuePattern('doomed')
  async doomed(@Ctx() context: HydraJobContext): Promise<never> {
    await context.progress('half of it');
    throw new DeadLetter('no use');
  }

  @QueuePattern('put-off', { attempts: 5 })
  async putOff(@Ctx() context: HydraJobContext): Promise<Retry> {
    await context.progress('some of it');
    return Retry.after(60_000);
  }
}

let service: string;
let instance: HydraInstance;
let keys: QueueKeys;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('upkeep');
  instance = new HydraInstance(resolveOptions({ service, redis: await testRedisUrl() }));
  await instance.open();
  keys = createQueueKeys(instance.keys, service);
});

afterEach(() => instance.close());

describe('what is remembered of a job', () => {
  let queue: QueueService;
  let close: () => Promise<void>;
  const remembered = () =>
    Promise.all([
      instance.redis.commands.hgetall(keys.progress),
      instance.redis.commands.hgetall(keys.state),
    ]);

  beforeEach(async () => {
    const options = { service, redis: await testRedisUrl() };
    const worker = await startService(options, [DoomedController]);
    queue = worker.app.get(QueueService);
    close = () => worker.close();
  });
  afterEach(() => close());

  it('is forgotten when it is a dead letter', async () => {
    const ids = ['plain', 'with a space', '7 é€😀'];
    for (const id of ids) {
      const job = await queue.add('doomed', {}, { id });
      await expect(job.result()).rejects.toThrow('no use');
    }
    expect(await remembered()).toEqual([{}, {}]);
    expect((await queue.deadLetters()).map(({ id }) => id)).toEqual(ids);
  });

  it('is forgotten when it is removed', async () => {
    const job = await queue.add('put-off', {});
    await eventually(async () => (await queue.get(job.id))?.state === 'delayed', { what: 'the retry' });
    expect((await queue.get(job.id))?.progress).toBe('some of it');
    expect(await queue.remove(job.id)).toBe(true);
    expect(await remembered()).toEqual([{}, {}]);
  });

  it('is nothing where nobody could ask for it, since the job has no id', async () => {
    await instance.redis.commands.lpush(keys.waiting, JSON.stringify({ to: `${service}:/`, typ: 'put-off' }));
    await eventually(async () => (await queue.counts()).delayed === 1, { what: 'the retry' });
    expect((await remembered())[0]).toEqual({});
  });
});

describe('an id that was taken', () => {
  it('is forgotten when it is free again, also where no other is taken', async () => {
    const link = new WorkerLink(instance.id, 'default', instance.redis, instance.keys, instance.options);
    await instance.redis.commands.zadd(keys.ids, 1, 'free', Date.now() + 60_000, 'taken');
    await link.forgetOld(100, 0);
    expect(await instance.redis.commands.zrangebyscore(keys.ids, '-inf', '+inf')).toEqual(['taken']);
  });
});

describe('dead letters of whom some have no date, as Hydra 1.x leaves them,', () => {
  const AT_MOST = 100;
  const now = Date.now();
  const undated = (n: number) => JSON.stringify({ to: `${service}:/`, mid: `u${n}`, bdy: { reason: 'x' } });
  const died = (id: string, daysAgo: number) => {
    const diedOn = new Date(now - daysAgo * 86_400_000).toISOString();
    const hydraDead = { reason: 'x', diedOn, attempts: 1, history: [] };
    return JSON.stringify({ to: `${service}:/`, hdr: { hydraDead }, mid: id, bdy: {} });
  };
  const list = (from: number, count: number) => Array.from({ length: count }, (_, n) => undated(from + n));

  /** Looks until a look begins at the head again and finds nothing; the most that one of them forgot. */
  async function lookThrough(letters: readonly string[]): Promise<{ left: string[]; most: number }> {
    const link = new WorkerLink(instance.id, 'default', instance.redis, instance.keys, instance.options);
    await instance.redis.commands.rpush(keys.incomplete, ...letters);
    let most = 0;
    let from = 0;
    for (let looks = 0; looks < letters.length; looks++) {
      const [forgotten, next] = await link.forgetOld(AT_MOST, from);
      most = Math.max(most, forgotten);
      from = next;
      if (from === 0 && forgotten === 0) break;
    }
    expect(from).toBe(0);
    return { left: await instance.redis.commands.lrange(keys.incomplete, 0, -1), most };
  }

  it('go by age with the dated ones behind them', async () => {
    const young = [undated(3), died('young', 1), undated(4)];
    const { left } = await lookThrough([
      undated(1),
      died('old', 20),
      undated(2),
      died('older than allowed', 15),
      ...young,
    ]);
    expect(left).toEqual(young);
  });

  it('are gone through in bounded looks, however many of them are at the head', async () => {
    const { left, most } = await lookThrough([...list(0, 730), died('old', 20), died('young', 1)]);
    expect(left).toEqual([died('young', 1)]);
    expect(most).toBe(AT_MOST);
  });

  it('stay while nothing tells that they are old', async () => {
    const letters = [...list(0, 250), died('young', 1), ...list(250, 10), died('old, behind', 20)];
    expect((await lookThrough(letters)).left).toEqual(letters);
  });
});
