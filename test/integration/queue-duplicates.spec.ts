import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, type AddOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let ran: unknown[] = [];
let at: number[] = [];
let release: () => void = () => undefined;

@Controller()
class IndexController {
  @QueuePattern('index', { attempts: 2, backoff: 10 })
  index(@Payload() data: { fails?: number }, @Ctx() { attempt }: HydraJobContext): unknown {
    ran.push(data);
    at.push(performance.now());
    if (attempt <= (data.fails ?? 0)) throw new Error('not yet');
    return data;
  }

  @QueuePattern('held')
  held(@Payload() data: unknown): Promise<unknown> {
    ran.push(data);
    return new Promise((resolve) => (release = () => resolve(data)));
  }
}

let worker: Awaited<ReturnType<typeof startService>>;
let queue: QueueService;
let service: string;

beforeEach(async () => {
  Logger.overrideLogger(false);
  [ran, at] = [[], []];
  service = uniqueService('twins');
  worker = await startService({ service, redis: await testRedis() }, [IndexController]);
  queue = worker.app.get(QueueService);
});

afterEach(() => worker.close());

const add = (data: unknown, options: AddOptions, pattern = 'index') =>
  queue.add(pattern, data, { id: 'doc', ...options });
const until = (count: number) =>
  eventually(() => ran.length === count, { what: `${count} runs`, timeoutMs: 20_000 });
const isClean = async () => {
  const { redis, keys } = worker.app.get(HydraInstance);
  const { latest, state, hints } = createQueueKeys(keys, service);
  await eventually(async () => (await redis.commands.exists(latest, state, hints)) === 0, {
    what: 'nothing to be left',
  });
};

describe('a job whose id is taken', () => {
  it('takes the place of the one that waits, with "keep-last", through its attempts', async () => {
    await queue.pause();
    expect((await add({ n: 1 }, { duplicate: 'keep-last' })).isNew).toBe(true);
    expect((await add({ n: 2 }, { duplicate: 'keep-last' })).isNew).toBe(false);
    await add({ n: 3, fails: 1 }, { duplicate: 'keep-last' });
    await add({ n: 4 }, {});
    expect(await queue.get('doc')).toMatchObject({ state: 'waiting', data: { n: 3 } });
    expect((await queue.counts()).waiting).toBe(1);
    await queue.resume();
    await until(2);
    expect(ran).toEqual([
      { n: 3, fails: 1 },
      { n: 3, fails: 1 },
    ]);
    await isClean();
  });

  it('follows the one that runs, once, with the last data', async () => {
    await add(1, { duplicate: 'keep-last' }, 'held');
    await until(1);
    await add(2, { duplicate: 'keep-last' }, 'held');
    await add(3, { duplicate: 'keep-last', delayMs: 50 }, 'held');
    expect(await queue.get('doc')).toMatchObject({ state: 'active', data: 1 });
    release();
    await until(2);
    expect(ran).toEqual([1, 3]);
    release();
    await eventually(async () => (await queue.get('doc'))?.state === 'completed', { what: 'its end' });
    expect(await queue.get('doc')).toMatchObject({ result: 3 });
    await isClean();
  });

  it('has a delayed one wait anew with "extend", so that a burst runs once, after its end', async () => {
    const from = performance.now();
    for (let n = 0; n < 5; n++) {
      await add({ n }, { duplicate: 'extend', delayMs: 400 });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await until(1);
    expect(ran).toEqual([{ n: 4 }]);
    expect(at[0]! - from).toBeGreaterThan(750);
    await isClean();
    // The id is free at once, though it stays taken for whoever keeps the first.
    expect((await add({ n: 5 }, {})).isNew).toBe(false);
    expect((await add({ n: 6 }, { duplicate: 'extend' })).isNew).toBe(true);
    await until(2);
  });

  it('does not come with it when it is removed or cancelled', async () => {
    for (const end of [() => queue.remove('doc'), () => queue.cancel('doc'), () => queue.drain()]) {
      await queue.pause();
      await add(1, { duplicate: 'keep-last', dedupMs: 1 });
      await add(2, { duplicate: 'keep-last', dedupMs: 1 });
      await end();
      await isClean();
    }
    await queue.resume();
    await add({ n: 3 }, { duplicate: 'keep-last' });
    await until(1);
    expect(ran).toEqual([{ n: 3 }]);
  });

  it.each([{ duplicate: 'newest' as never }, { duplicate: 'keep-last' as const, id: undefined as never }])(
    'is refused with %j',
    async (options) => {
      await expect(add(1, options)).rejects.toMatchObject({ code: 'BAD_OPTION' });
    },
  );
});
