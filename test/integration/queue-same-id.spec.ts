import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { RedisClock } from '../../lib/queue/model/redis-clock.js';
import { Retention } from '../../lib/queue/model/retention.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let release = () => {};

@Controller()
class SameIdController {
  @QueuePattern('fails', { attempts: 1 })
  fails(): never {
    throw new Error('as always');
  }

  @QueuePattern('held')
  async held(): Promise<string> {
    await new Promise<void>((resolve) => (release = resolve));
    return 'done';
  }
}

let worker: TestService;
let queue: QueueService;
let service: string;

beforeAll(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('same-id');
  const options = { service, redis: await testRedis(), queue: { dedupMs: 1 } };
  worker = await startService(options, [SameIdController]);
  queue = worker.app.get(QueueService);
});

afterAll(() => worker.close());

/** A dead letter of this id, which is free again. */
async function failed(id: string): Promise<void> {
  const job = await queue.add('fails', 1, { id });
  await expect(job.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
}

const deadOf = async (id: string) => (await queue.deadLetters()).filter((dead) => dead.id === id).length;

describe('a job that has the id of an older dead letter', () => {
  it('runs on when remove() takes out that dead letter, and keeps its id', async () => {
    await failed('running');
    const job = await eventually(
      async () => {
        const added = await queue.add('held', 1, { id: 'running' });
        return added.isNew ? added : undefined;
      },
      { what: 'a new job of that id' },
    );
    await eventually(async () => (await queue.counts()).active === 1, { what: 'its start' });
    const result = job.result({ timeoutMs: 10_000 });
    expect(await queue.remove('running')).toBe(true);
    expect(await deadOf('running')).toBe(0);
    expect((await queue.add('held', 2, { id: 'running' })).isNew).toBe(false);
    release();
    await expect(result).resolves.toBe('done');
  });

  it('is what remove() takes out first while it waits', async () => {
    await failed('delayed');
    await eventually(async () => (await queue.add('held', 1, { id: 'delayed', delayMs: 60_000 })).isNew, {
      what: 'a new job of that id',
    });
    expect(await queue.remove('delayed')).toBe(true);
    expect((await queue.counts()).delayed).toBe(0);
    expect(await deadOf('delayed')).toBe(1);
    expect(await queue.remove('delayed')).toBe(true);
    expect(await deadOf('delayed')).toBe(0);
    expect(await queue.remove('delayed')).toBe(false);
  });
});

const HOUR_MS = 3_600_000;
const CENTURY_MS = 3_155_760_000_000;

describe('an id whose job an earlier version of a worker ended', () => {
  const parts = () => {
    const instance = worker.app.get(HydraInstance);
    const queueKeys = createQueueKeys(instance.keys, service);
    const retention = new Retention(instance, queueKeys, new RedisClock(instance.clock));
    return { ids: queueKeys.ids, commands: instance.redis.commands, retention };
  };

  /** That reads in the score of the id for how long it is taken, and not since when. */
  async function endedByEarlier(id: string, agoMs = 0) {
    const { ids, commands } = parts();
    await queue.add('fails', 1, { id, delayMs: 60_000 });
    const taken = Number(await commands.zscore(ids, id));
    expect(taken).toBeLessThan(0);
    await queue.remove(id);
    await commands.zadd(ids, Date.now() - agoMs - (taken + agoMs), id);
  }

  it('is taken for the usual time, and free after that', async () => {
    await endedByEarlier('a moment ago');
    expect((await queue.add('fails', 1, { id: 'a moment ago' })).isNew).toBe(false);
    await endedByEarlier('long ago', 2 * HOUR_MS);
    const job = await queue.add('fails', 1, { id: 'long ago' });
    expect(job.isNew).toBe(true);
    await expect(job.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
  });

  it('does not keep what is known of ids for longer', async () => {
    const { ids, commands, retention } = parts();
    await endedByEarlier('now');
    await endedByEarlier('before', 2 * HOUR_MS);
    await retention.run();
    await retention.run();
    expect(await commands.zscore(ids, 'before')).toBeNull();
    expect(Number(await commands.zscore(ids, 'now'))).toBeLessThan(Date.now() + 2 * HOUR_MS);
    expect(await commands.pttl(ids)).toBeLessThan(3 * HOUR_MS);
  });

  it('is not taken for one that was to be taken for a century', async () => {
    const job = await queue.add('fails', 1, { id: 'for ever', dedupMs: CENTURY_MS });
    await expect(job.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    await parts().retention.run();
    expect((await queue.add('fails', 1, { id: 'for ever' })).isNew).toBe(false);
  });
});
