import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
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

beforeAll(async () => {
  Logger.overrideLogger(false);
  const service = uniqueService('same-id');
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
