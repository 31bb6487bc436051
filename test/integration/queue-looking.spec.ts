import { Controller } from '@nestjs/common';

import { QueuePattern, QueueService, type JobView } from '../../lib/index.js';
import { removeOne } from '../../lib/queue/producer.scripts.js';
import { createQueueKeys } from '../../lib/queue/queue.keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { testRedisUrl } from '../support/redis.js';
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
  worker = await startService({ service, redis: await testRedisUrl() }, [EchoController]);
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
    const { waiting, delayed, state, watched, events } = createQueueKeys(keys, service, 'unread');
    const remove = (place: string) =>
      removeOne.run(commands, [place, state, watched, 'job', events, '{}', '']);
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
