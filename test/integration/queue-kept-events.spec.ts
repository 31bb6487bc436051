import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { Subscriber } from 'rxjs';

import { HydraJobContext, QueuePattern, QueueService, type DurableJobEvent } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { JobAdder } from '../../lib/queue/producer/job-adder.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { tellOf } from '../../lib/queue/scripts/event-scripts.js';
import { resolveDurable } from '../../lib/queue/watching/event-options.js';
import { KeptEventsReader } from '../../lib/queue/watching/kept-events-reader.js';
import type { RedisConnections } from '../../lib/redis/redis-connections.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
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
  return { service, url, keys: createQueueKeys(keys, service), redis, commands, watcher, workerAs };
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

  it('says so and changes nothing where what may not be continued may not be ended either', async () => {
    const started = await start();
    const worker = await started.workerAs('older');
    const { subscription } = await listen(started);
    const queue = worker.app.get(QueueService);
    await queue.add('report', 2, { delayMs: 60_000, id: 'later' });
    await started.commands.call('ACL', 'SETUSER', 'older', '-del');
    const cancelling = queue.cancel('later');
    await expect(cancelling).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining(`DEL on ${started.keys.history}`) as string,
    });
    expect(await queue.counts()).toMatchObject({ delayed: 1 });
    await started.commands.call('ACL', 'SETUSER', 'older', '+del');
    await queue.cancel('later');
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
    const [began, number] = events.at(-1)!.eventId.split('-');
    await commands.xdel(keys.history, `${began}-${number}`);
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

/** Reads what is kept when it is told to, and not else. */
function readerOf(
  { keys, redis }: Pick<Started, 'keys'> & { readonly redis: RedisConnections },
  since?: string,
) {
  const events: DurableJobEvent[] = [];
  const subscriber = new Subscriber<DurableJobEvent>({
    next: (event) => void events.push(event),
    error: (error: unknown) => {
      throw error;
    },
    complete: () => undefined,
  });
  const options = resolveDurable({ durable: true, ...(since && { since }) });
  return { events, reader: new KeptEventsReader(redis, keys, options, subscriber) };
}

const idsOf = (events: readonly DurableJobEvent[]) =>
  events.map((event) => (event.type === 'gap' ? `gap of ${event.lost}` : event.id));
const ids = (letter: string, count: number) => Array.from({ length: count }, (_, n) => `${letter}${n}`);

function tellIn({ keys, commands }: Started) {
  return (...told: readonly string[]) => {
    const texts = told.map((id) => JSON.stringify({ type: 'removed', id, pattern: 'p' }));
    return tellOf.run(commands, [keys.watched, keys.history, keys.events, ...texts]);
  };
}

describe('what is kept of events', () => {
  it('is told where Redis came back with less, and others have told as much again before it is looked', async () => {
    const started = await start();
    const { commands, keys } = started;
    const tell = tellIn(started);
    const { events, reader } = readerOf(started);
    await reader.check();
    await tell(...ids('a', 5));
    const snapshot = await commands.dumpBuffer(keys.history);
    await tell(...ids('lost', 10));
    await reader.check();
    const before = events.splice(0);
    expect(idsOf(before)).toEqual([...ids('a', 5), ...ids('lost', 10)]);

    await commands.restore(keys.history, 0, snapshot, 'REPLACE');
    await tell(...ids('b', 20));
    await reader.read();
    expect(idsOf(events)).toEqual(['gap of undefined', ...ids('b', 20)]);
    const later = readerOf(started, before.at(-1)!.eventId);
    await later.reader.check();
    expect(idsOf(later.events)).toEqual(['gap of undefined', ...ids('b', 20)]);
    const known = readerOf(started, before[4]!.eventId);
    await known.reader.check();
    expect(idsOf(known.events)).toEqual(ids('b', 20));
    await started.watcher.close();
  });

  it('is told where Redis came back with less to one that has heard of nothing yet', async () => {
    const started = await start();
    const { commands, keys } = started;
    const tell = tellIn(started);
    await readerOf(started).reader.check();
    const snapshot = await commands.dumpBuffer(keys.history);
    await tell('lost');
    const { events, reader } = readerOf(started);
    await reader.check();
    await commands.restore(keys.history, 0, snapshot, 'REPLACE');
    await tell(...ids('b', 600));
    await reader.check();
    expect(idsOf(events)).toEqual(['gap of undefined', ...ids('b', 600)]);
    await started.watcher.close();
  });

  it('is told once, and without a gap, where it is read while it is asked whether it is there', async () => {
    const started = await start();
    const tell = tellIn(started);
    const run: RedisConnections['run'] = async (what, command) => {
      const answer = await started.redis.run(what, command);
      if (what !== 'keep events') return answer;
      await tell('meanwhile');
      void reader.read();
      // What was sent before these has been answered with them.
      for (let n = 0; n < 3; n++) await started.redis.run('wait', (redis) => redis.ping());
      return answer;
    };
    const redis = Object.create(started.redis, { run: { value: run } }) as RedisConnections;
    const { events, reader } = readerOf({ keys: started.keys, redis });
    await reader.check();
    await reader.check();
    await tell('afterwards');
    await reader.read();
    expect(idsOf(events)).toEqual(['meanwhile', 'meanwhile', 'afterwards']);
    await started.watcher.close();
  });
});

describe('what a process adds', () => {
  /** One that has added nothing, whose time stands still. */
  function producerOf({ watcher }: Started) {
    const clock = new ManualClock();
    const instance = watcher.app.get(HydraInstance);
    const adder = new JobAdder(Object.create(instance, { clock: { value: clock } }) as HydraInstance);
    return { clock, adder };
  }

  it.each([
    ['a plain job', {}],
    ['one with an id', { id: 'own "id"' }],
    ['one that is delayed', { delayMs: 60_000 }],
  ])('is told of from the first on: %s', async (_what, options) => {
    const started = await start();
    const { events, reader } = readerOf(started);
    await reader.check();
    const { adder, clock } = producerOf(started);
    const job = adder.prepare(started.keys, started.service, 'p/q', 1, options);
    const added = adder.add(job);
    await clock.advance(0);
    await added;
    await eventually(
      async () => {
        await reader.read();
        return events.length > 0;
      },
      { what: 'the event' },
    );
    expect(events).toMatchObject([{ type: 'added', id: job.id, pattern: 'p/q' }]);
    await started.watcher.close();
  });

  it('is told of after a pause, when nobody had listened before', async () => {
    const started = await start();
    const { adder, clock } = producerOf(started);
    const add = () => adder.addNow(adder.prepare(started.keys, started.service, 'p', 1, {}), started.service);
    await add();
    const { events, reader } = readerOf(started);
    await reader.check();
    await clock.advance(60_000);
    await add();
    await eventually(
      async () => {
        await reader.read();
        return events.length > 0;
      },
      { what: 'the event' },
    );
    expect(events).toMatchObject([{ type: 'added' }]);
    await started.watcher.close();
  });
});
