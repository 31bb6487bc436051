import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import {
  DeadLetter,
  QueuePattern,
  QueueService,
  type DurableEvents,
  type DurableJobEvent,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class EchoController {
  @QueuePattern('echo', { attempts: 1, concurrency: 50 })
  echo(@Payload() data: unknown): unknown {
    if (data === 'dies') throw new DeadLetter('as it should');
    return data;
  }
}

const DURABLE: DurableEvents = { durable: true };

async function start(redis: unknown) {
  Logger.overrideLogger(false);
  const service = uniqueService('durable-events');
  const worker = await startService({ service, redis: redis as string }, [EchoController]);
  const { keys, redis: connections } = worker.app.get(HydraInstance);
  return {
    service,
    worker,
    queue: worker.app.get(QueueService),
    keys: createQueueKeys(keys, service),
    connections,
  };
}

type Started = Awaited<ReturnType<typeof start>>;

/** What somebody hears from now on. */
async function heard({ keys, connections }: Started, queue: QueueService, options = DURABLE) {
  const events: DurableJobEvent[] = [];
  const subscription = queue.events(options).subscribe((event) => events.push(event));
  await eventually(async () => (await connections.commands.exists(keys.watched, keys.history)) === 2, {
    what: 'events to be kept',
    timeoutMs: 20_000,
  });
  return { events, subscription };
}

const ends = (events: readonly DurableJobEvent[]) =>
  events.flatMap((event) => (event.type === 'completed' ? [event.result] : []));
const until = (check: () => boolean, what: string) => eventually(check, { what, timeoutMs: 20_000 });
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

describe('durable events', () => {
  it('tell of each change once, in order, with the place to continue from', async () => {
    const started = await start(await testRedis());
    const { queue } = started;
    const { events, subscription } = await heard(started, queue);
    await queue.add('echo', 1).result();
    await expect(queue.add('echo', 'dies').result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    await until(() => events.filter(({ type }) => type === 'drained').length === 2, 'the last');
    const types = events.map(({ type }) => type).filter((type) => type !== 'added');
    expect(types).toEqual(['started', 'completed', 'drained', 'started', 'dead', 'drained']);
    const places = events.map(({ eventId }) => Number(eventId.split('-')[1]));
    expect(places).toEqual(numbers(places[0]!, places.length));
    subscription.unsubscribe();

    // Who was away since the first end, as after a restart.
    await queue.add('echo', 2).result();
    const first = events.find(({ type }) => type === 'completed')!;
    const later = await heard(started, queue, { durable: true, since: first.eventId });
    await until(() => ends(later.events).includes(2), 'what was missed');
    expect(later.events.map(({ type }) => type)).not.toContain('gap');
    expect(later.events.slice(0, events.length - events.indexOf(first) - 1)).toEqual(
      events.slice(events.indexOf(first) + 1),
    );
    const all = await heard(started, queue, { durable: true, since: 'beginning' });
    await until(() => ends(all.events).includes(2), 'all of them');
    expect(ends(all.events)).toEqual([1, 2]);
    later.subscription.unsubscribe();
    all.subscription.unsubscribe();
    await started.worker.close();
  }, 60_000);

  it('are not kept where nobody asks for it', async () => {
    const { queue, keys, connections, worker } = await start(await testRedis());
    const subscription = queue.events().subscribe();
    await eventually(async () => (await connections.commands.exists(keys.watched)) === 1, {
      what: 'a listener',
    });
    await queue.add('echo', 1).result();
    expect(await connections.commands.exists(keys.history)).toBe(0);
    subscription.unsubscribe();
    await worker.close();
  });

  it('say how many are missing when more came than are kept', async () => {
    const started = await start(await testRedis());
    const { queue, keys, connections } = started;
    const { events, subscription } = await heard(started, queue, { durable: { count: 10 } });
    await queue.add('echo', 0).result();
    await until(() => ends(events).length === 1, 'the first');
    const last = events.at(-1)!.eventId;
    subscription.unsubscribe();
    await Promise.all(numbers(1, 300).map((n) => queue.add('echo', n).result()));
    const kept = (await connections.commands.xrange(keys.history, '-', '+')).length;
    expect(kept).toBeLessThan(250);
    const later = await heard(started, queue, { durable: true, since: last });
    await queue.add('echo', 'last').result();
    await until(() => ends(later.events).includes('last'), 'the last');
    const [gap, next] = later.events;
    expect(gap).toMatchObject({ type: 'gap', id: '', eventId: last });
    const number = (id: string) => Number(id.split('-')[1]);
    expect(gap).toMatchObject({ lost: number(next!.eventId) - number(last) - 1 });
    expect(later.events.filter(({ type }) => type === 'gap')).toHaveLength(1);
    later.subscription.unsubscribe();
    await started.worker.close();
  }, 60_000);

  it('say that some are missing, and go on, when Redis lost them or has older ones again', async () => {
    const { url } = await startPrivateRedis();
    const started = await start(url);
    const { queue, keys, connections } = started;
    const { events, subscription } = await heard(started, queue);
    const count = (wanted: string) => events.filter(({ type }) => type === wanted).length;
    const { commands } = connections;
    const older = await commands.dumpBuffer(keys.history);
    await queue.add('echo', 1).result();
    await until(() => count('drained') === 1 && count('added') === 1, 'the end of the first');
    await commands.restore(keys.history, 0, older, 'REPLACE');
    await until(() => count('gap') === 1, 'the first gap');
    await queue.add('echo', 2).result();
    await until(() => ends(events).length === 2, 'the second');
    await until(() => count('drained') === 2 && count('added') === 2, 'the end of the second');
    await commands.flushall();
    await until(() => count('gap') === 2, 'the second gap');
    await queue.add('echo', 3).result();
    await until(() => ends(events).length === 3, 'the third');
    expect(ends(events)).toEqual([1, 2, 3]);
    expect(events.filter(({ type }) => type === 'gap')).toMatchObject([
      { lost: undefined },
      { lost: undefined },
    ]);
    subscription.unsubscribe();
    await started.worker.close();
  }, 60_000);

  it.each([
    { durable: false },
    { durable: null },
    { durable: { count: 0 } },
    { durable: { ageMs: 1 } },
    { durable: { size: 1 } },
    { durable: true, since: 'yesterday' },
    { durable: true, since: '' },
    { since: '1-1' },
    { durabel: true },
  ])('are refused with %j', async (options) => {
    const { queue, worker } = await start(await testRedis());
    expect(() => queue.events(options as never)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    await worker.close();
  });
});
