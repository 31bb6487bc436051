import { Controller } from '@nestjs/common';

import { QueuePattern, QueueService, type JobView } from '../../lib/index.js';
import { JobSearch } from '../../lib/queue/producer/job-search.js';
import { removeOne } from '../../lib/queue/scripts/producer-scripts.js';
import { createQueueKeys, rememberedIn } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class EchoController {
  @QueuePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }
}

let service: string;
let worker: TestService;
let queue: QueueService;

beforeAll(async () => {
  service = uniqueService('looking');
  const options = { service, redis: await testRedis(), queue: { dead: { count: 1_000_000 } } };
  worker = await startService(options, [EchoController]);
  queue = worker.app.get(QueueService);
});

afterAll(() => worker.close());

describe('a job', () => {
  it('is in some state whenever it is looked at, also while it completes', async () => {
    const watchOne = async (): Promise<(JobView | undefined)[]> => {
      const { id } = await queue.add('echo', 1);
      const views: (JobView | undefined)[] = [];
      for (;;) {
        const view = await queue.get(id);
        views.push(view);
        if (view?.state === 'completed' || views.length === 1_000) return views;
      }
    };
    for (let round = 0; round < 100; round++) {
      const views = await Promise.all([watchOne(), watchOne(), watchOne()]);
      expect(views.flat()).not.toContain(undefined);
    }
  }, 60_000);

  it('that was just taken keeps what is remembered of it when it is to be removed', async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { commands } = redis;
    const queueKeys = createQueueKeys(keys, service, 'unread');
    const { waiting, delayed, state, watched, history, events } = queueKeys;
    const remove = (place: string) =>
      removeOne.run(commands, [
        ...[...rememberedIn(queueKeys, 'id'), place, state, watched, history],
        ...['job', events, '{}', 0, 1, 'id', ''],
      ]);
    const remember = () => commands.hset(state, 'job', '{"failures":1}');
    await remember();
    for (const place of [waiting, delayed]) expect(await remove(place)).toBe(0);
    expect(await commands.hlen(state)).toBe(1);
    await commands.lpush(waiting, 'job');
    expect(await remove(waiting)).toBe(1);
    expect(await commands.hlen(state)).toBe(0);
    await remember();
    await commands.zadd(delayed, 1, 'job');
    expect(await remove(delayed)).toBe(1);
    expect(await commands.exists(state, waiting, delayed)).toBe(0);
  });
});

describe('in a list of 120,000', () => {
  const COUNT = 120_000;
  const ref = { queue: 'long' };
  const text = (n: number) => JSON.stringify({ to: `${service}:/`, mid: `deep-${n}`, typ: 'echo', bdy: n });

  async function fill(name: 'waiting' | 'incomplete' | 'inProgress') {
    const { redis, keys } = worker.app.get(HydraInstance);
    const queueKeys = createQueueKeys(keys, service, ref.queue);
    for (let from = 0; from < COUNT; from += 5_000) {
      await redis.commands.rpush(queueKeys[name], ...Array.from({ length: 5_000 }, (_, n) => text(from + n)));
    }
    return { commands: redis.commands, queueKeys };
  }

  afterEach(async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { waiting, incomplete, inProgress } = createQueueKeys(keys, service, ref.queue);
    await redis.commands.del(waiting, incomplete, inProgress);
  });

  it('a job is removed from the middle without the list being gone through, and no other', async () => {
    const { commands, queueKeys } = await fill('waiting');
    expect(await queue.remove('deep-60000', ref)).toBe(true);
    expect(await queue.remove('deep-60000', ref)).toBe(false);
    const left = await commands.lrange(queueKeys.waiting, 0, -1);
    expect(left.length).toBe(COUNT - 1);
    expect(new Set(left).size).toBe(COUNT - 1);
    expect(left).not.toContain(text(60_000));
    // The one that would have been taken last is taken earlier; all others keep their order.
    expect(left.indexOf(text(0))).toBe(59_999);
    expect(left.filter((one) => one !== text(0))).toEqual(
      Array.from({ length: COUNT }, (_, n) => text(n)).filter((_, n) => n !== 0 && n !== 60_000),
    );
  }, 60_000);

  it('dead letters in the middle are driven again, and no other', async () => {
    const { commands, queueKeys } = await fill('incomplete');
    const ids = [59_000, 60_000, 60_001, 61_000].map((n) => `deep-${n}`);
    expect((await queue.redrive([...ids, 'deep-0'], ref)).toSorted()).toEqual([...ids, 'deep-0'].toSorted());
    const [dead, waiting] = await Promise.all([
      commands.lrange(queueKeys.incomplete, 0, -1),
      commands.lrange(queueKeys.waiting, 0, -1),
    ]);
    expect([dead.length, waiting.length]).toEqual([COUNT - 5, 5]);
    expect(new Set(dead).size).toBe(COUNT - 5);
    expect(waiting.map((raw) => (JSON.parse(raw) as { mid: string }).mid).toSorted()).toEqual(
      [...ids, 'deep-0'].toSorted(),
    );
  }, 60_000);

  it('a job that a dead Hydra 1.x worker had is released from the middle', async () => {
    const { commands, queueKeys } = await fill('inProgress');
    expect(await queue.release('deep-60000', ref)).toBe(true);
    expect(await commands.llen(queueKeys.inProgress)).toBe(COUNT - 1);
    expect(await commands.lrange(queueKeys.waiting, 0, -1)).toEqual([text(60_000)]);
  }, 60_000);

  it('a job is taken out where others left and came since it was seen, and looked for again where it cannot be', async () => {
    const { commands, queueKeys } = await fill('waiting');
    const { waiting, state, watched, history, events } = queueKeys;
    const remove = (n: number, seenAt: number, length: number) =>
      removeOne.run(commands, [
        ...[...rememberedIn(queueKeys, `deep-${n}`), waiting, state, watched, history],
        ...[text(n), events, '{}', seenAt, length, `deep-${n}`, ''],
      ]);
    await commands.lpush(waiting, ...Array.from({ length: 100 }, (_, n) => `came ${n}`));
    await commands.rpop(waiting, 100);
    expect(await remove(60_000, 60_000, COUNT)).toBe(1);
    expect(await commands.llen(waiting)).toBe(COUNT - 1);
    expect(await remove(60_000, 60_000, COUNT)).toBe(-1);
    expect(await remove(60_001, 3, COUNT)).toBe(-1);
    expect(await commands.llen(waiting)).toBe(COUNT - 1);
    expect(await queue.remove('deep-60001', ref)).toBe(true);
    expect(await queue.remove('deep-60001', ref)).toBe(false);
  }, 60_000);
});

describe('among jobs that are delayed', () => {
  it('none is passed over by a search while others leave in front of it', async () => {
    const instance = worker.app.get(HydraInstance);
    const { commands } = instance.redis;
    const keys = createQueueKeys(instance.keys, service, 'later');
    const text = (n: number) =>
      JSON.stringify({ to: `${service}:/`, mid: `later-${n}`, typ: 'echo', bdy: n });
    for (let n = 0; n < 3_000; n += 500) {
      const scored = Array.from({ length: 500 }, (_, at) => [
        String(Math.floor((n + at) / 100)),
        text(n + at),
      ]);
      await commands.zadd(keys.delayed, ...scored.flat());
    }
    const search = new JobSearch(instance.redis, keys);
    const seen = new Set<string>();
    await search.each(keys.delayed, [], ({ raw }) => void seen.add(raw));
    expect(seen.size).toBe(3_000);
    seen.clear();
    let isFirst = true;
    for (let at: { index: number } = { index: 0 }; at.index >= 0;) {
      const { found, next } = await search.part(keys.delayed, [], at);
      for (const { raw } of found) seen.add(raw);
      if (isFirst) await commands.zremrangebyrank(keys.delayed, 0, found.length + 50);
      isFirst = false;
      at = next;
    }
    const left = await commands.zrange(keys.delayed, '0', '-1');
    expect(left.length).toBeGreaterThan(2_000);
    expect(left.filter((raw) => !seen.has(raw))).toEqual([]);
    await commands.del(keys.delayed);
  });
});
