import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, type DurableJobEvent } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class ReportingController {
  @QueuePattern('report')
  async report(@Payload() data: unknown, @Ctx() job: HydraJobContext): Promise<unknown> {
    await job.progress(data);
    return data;
  }
}

/** Rights as they were given before events were kept. */
const OLDER_RIGHTS = ['on', 'nopass', '~*', '&*', '+@all', '-xadd', '-xrevrange', '-xrange'];

async function start() {
  Logger.overrideLogger(false);
  const { url } = await startPrivateRedis();
  const service = uniqueService('kept-events');
  const watcher = await startService({ service: `${service}-watcher`, redis: url }, []);
  const { keys, redis } = watcher.app.get(HydraInstance);
  const { commands } = redis;
  await commands.call('ACL', 'SETUSER', 'older', ...OLDER_RIGHTS);
  const workerAs = (user?: string) =>
    startService({ service, redis: user ? url.replace('//', `//${user}:any@`) : url }, [ReportingController]);
  return { service, url, keys: createQueueKeys(keys, service), commands, watcher, workerAs };
}

type Started = Awaited<ReturnType<typeof start>>;

async function listen({ service, watcher, commands, keys }: Started) {
  const events: DurableJobEvent[] = [];
  const queue = watcher.app.get(QueueService);
  const subscription = queue.events({ durable: true, service }).subscribe((event) => events.push(event));
  await eventually(async () => (await commands.exists(keys.watched, keys.history)) === 2, {
    what: 'events to be kept',
  });
  return { events, subscription };
}

describe('a queue whose events cannot be kept', () => {
  it('works on with the rights that were given before, and says that events are missing', async () => {
    const started = await start();
    const worker = await started.workerAs('older');
    const { events, subscription } = await listen(started);
    const queue = worker.app.get(QueueService);
    await expect(queue.add('report', 1).result()).resolves.toBe(1);
    await queue.add('report', 2, { delayMs: 60_000, id: 'later' });
    await queue.cancel('later', { reason: 'not now' });
    await eventually(() => events.some(({ type }) => type === 'gap'), { what: 'a gap' });
    expect(await queue.counts()).toMatchObject({ active: 0, waiting: 0, delayed: 0, completed: 1 });
    subscription.unsubscribe();
    await worker.close();
    await started.watcher.close();
  });

  it('works on when somebody removed the newest of them', async () => {
    const started = await start();
    const { commands, keys } = started;
    const worker = await started.workerAs();
    const { events, subscription } = await listen(started);
    const queue = worker.app.get(QueueService);
    await queue.add('report', 1).result();
    await eventually(() => events.at(-1)?.type === 'drained', { what: 'the end of the first' });
    await commands.xdel(keys.history, events.at(-1)!.eventId);
    await expect(queue.add('report', 2).result()).resolves.toBe(2);
    await eventually(() => events.some(({ type }) => type === 'gap'), { what: 'a gap' });
    await expect(queue.add('report', 3).result()).resolves.toBe(3);
    await eventually(() => events.some((event) => event.type === 'completed' && event.result === 3), {
      what: 'what came later',
    });
    expect(await queue.counts()).toMatchObject({ active: 0, waiting: 0, completed: 3 });
    subscription.unsubscribe();
    await worker.close();
    await started.watcher.close();
  });
});
