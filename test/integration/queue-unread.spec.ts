import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { UnreadQueue } from '../../lib/queue/producer/unread-queue.js';
import { systemClock, type Clock } from '../../lib/runtime/clock.js';
import { ThrottledLogger } from '../../lib/runtime/throttled-logger.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class ReaderController {
  @QueuePattern('read')
  read(): string {
    return 'read';
  }
}

let service: string;
let instance: HydraInstance;
let keys: QueueKeys;
let clock: ManualClock;
let unread: UnreadQueue;

beforeEach(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('unread');
  instance = new HydraInstance(resolveOptions(asOwnUser({ service, redis: await testRedis() })));
  await instance.open();
  keys = createQueueKeys(instance.keys, service);
  clock = new ManualClock();
  unread = new UnreadQueue(
    { redis: instance.redis, clock, log: new ThrottledLogger(clock) },
    keys,
    'the queue',
  );
});

afterEach(async () => {
  unread.close();
  await instance.close();
});

/** A look is two answers of Redis: what is asked after them is answered after them. */
const looked = async () => {
  for (let asked = 0; asked < 3; asked++) await instance.redis.commands.ping();
};

const methodsOf = (given: Clock): Clock => ({
  now: () => given.now(),
  monotonic: () => given.monotonic(),
  setTimeout: (act, ms, options) => given.setTimeout(act, ms, options),
  setInterval: (act, ms) => given.setInterval(act, ms),
  clear: (timer) => given.clear(timer),
  setImmediate: (act) => given.setImmediate(act),
});

const start = async () => startService({ service, redis: await testRedis() }, [ReaderController]);

describe('a queue that nobody reads', () => {
  it('is a warning half a minute after something was added, until a worker reads it', async () => {
    await instance.queues.add('read', 1);
    unread.expectReader();
    expect(unread.warning).toBeUndefined();
    await clock.advance(30_000);
    await eventually(() => unread.warning !== undefined, { what: 'the warning' });
    expect(unread.warning).toBe('1 jobs wait in the queue, and no worker of this library reads it');
    const worker = await start();
    await eventually(async () => (await instance.queues.counts()).completed === 1, { what: 'the job' });
    // It looks again for as long as it warns.
    await clock.advance(30_000);
    await eventually(() => unread.warning === undefined, { what: 'the end of the warning' });
    expect(clock.timerCount).toBe(0);
    await worker.close();
  }, 20_000);

  it('is none where a worker reads it, or nothing waits', async () => {
    unread.expectReader();
    await clock.advance(30_000);
    await looked();
    expect(unread.warning).toBeUndefined();
    const worker = await start();
    const queue = worker.app.get(QueueService);
    await queue.pause();
    await queue.add('read', 1);
    unread.expectReader();
    await clock.advance(30_000);
    await looked();
    expect((await queue.counts()).workers).toBe(1);
    expect(unread.warning).toBeUndefined();
    await worker.close();
  });

  it('is shown by its counts, and by the health of who added to it', async () => {
    const quick = {
      ...methodsOf(systemClock),
      setTimeout: (act: () => void, ms: number) => systemClock.setTimeout(act, ms === 30_000 ? 10 : ms),
    };
    const adder = new HydraInstance(resolveOptions(asOwnUser({ service, redis: await testRedis() })), {
      clock: quick,
    });
    await adder.open();
    await adder.queues.add('read', 1);
    expect(await adder.queues.counts()).toMatchObject({ waiting: 1, workers: 0 });
    const warnings = () => adder.health.collect().warnings;
    await eventually(() => warnings().length > 0, { what: 'the warning' });
    expect(warnings()).toEqual([
      `unread queues: 1 jobs wait in the queue "default" of ${service}, and no worker of this library reads it`,
    ]);
    await adder.close();
  });
});
