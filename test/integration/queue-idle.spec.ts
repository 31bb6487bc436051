import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';

const QUEUES = 100;
const names = Array.from({ length: QUEUES }, (_, n) => (n === 0 ? 'default' : `q${n}`));
const ran: string[] = [];

/** A handler for each queue. */
class ManyController {
  readonly count = QUEUES;
}
for (const queue of names) {
  const method = `handle_${queue}`;
  const value = (data: unknown) => {
    ran.push(queue);
    return data;
  };
  Object.defineProperty(ManyController.prototype, method, { value, writable: true });
  const descriptor = Object.getOwnPropertyDescriptor(ManyController.prototype, method)!;
  QueuePattern(`work.${queue}`, { queue })(ManyController.prototype, method, descriptor);
  Object.defineProperty(ManyController.prototype, method, descriptor);
}
Controller()(ManyController);

describe('a process that reads a hundred queues', () => {
  it('costs Redis little while they are empty, and takes a job of each of them at once', async () => {
    Logger.overrideLogger(false);
    const redis = await startPrivateRedis();
    const options = { service: 'idle', redis: redis.url };
    const worker = await startService(options, [ManyController]);
    const caller = await startCaller(options, []);
    const queue = caller.app.get(QueueService);
    const { redis: connections, keys } = worker.app.get(HydraInstance);
    const { commands } = connections;
    const total = async () =>
      Number(/total_commands_processed:(\d+)/.exec(await commands.info('stats'))?.[1]);
    const perSecond = async (ms: number) => {
      const [from, before] = [performance.now(), await total()];
      await sleep(ms);
      return ((await total()) - before) / ((performance.now() - from) / 1_000);
    };
    // Two processes, and what this test asks.
    const isLittle = async () => (await perSecond(3_000)) < 120;
    await eventually(isLittle, { what: 'the queues to rest', timeoutMs: 40_000 });

    const took: number[] = [];
    for (const name of names) {
      const at = performance.now();
      await queue.add(`work.${name}`, 1, { queue: name }).result({ timeoutMs: 10_000 });
      took.push(performance.now() - at);
    }
    expect(new Set(ran).size).toBe(QUEUES);
    took.sort((a, b) => a - b);
    // Not looked for: woken. A look comes every half a second.
    expect(took[QUEUES / 2]).toBeLessThan(200);

    // What tells nobody is found by a look.
    const slow = createQueueKeys(keys, 'idle', 'q7');
    const text =
      '{"to":"idle:/","frm":"x:/","mid":"silent","ts":"","typ":"work.q7","ver":"UMF/1.4.6","bdy":{}}';
    const before = ran.length;
    await commands.lpush(slow.waiting, text);
    await eventually(() => ran.length > before, { what: 'the silent job', timeoutMs: 10_000 });
    const blocked = /blocked_clients:(\d+)/.exec(await commands.info('clients'))?.[1];
    expect(Number(blocked)).toBeLessThanOrEqual(1);

    // A job that is due in an hour, and one that repeats, let their queues rest.
    for (const name of names.slice(1)) {
      await queue.add(`work.${name}`, 1, { queue: name, delayMs: 3_600_000 });
      await queue.repeat(`each-${name}`, { everyMs: 3_600_000 }, `work.${name}`, 1, { queue: name });
    }
    // Once a second it is asked what is overdue in each, and every other second whether Redis still has what repeats.
    const isLittleStill = async () => (await perSecond(3_000)) < 700;
    await eventually(isLittleStill, { what: 'the queues to rest with jobs to come', timeoutMs: 40_000 });
    // One whose worker waits for it, and one that nobody was told of.
    const soon = performance.now();
    await queue.add('work.q9', 1, { queue: 'q9', delayMs: 1_000 }).result({ timeoutMs: 10_000 });
    expect(performance.now() - soon).toBeLessThan(scaled(1_300, soon));
    const silent = ran.length;
    const [seconds] = await commands.time();
    const { delayed } = createQueueKeys(keys, 'idle', 'q8');
    await commands.zadd(delayed, Number(seconds) * 1_000 + 1_000, text.replace('q7', 'q8'));
    await eventually(() => ran.length > silent, { what: 'the silent delayed job', timeoutMs: 10_000 });

    // As long as the queues are read they count as such, also after longer than a life.
    expect((await queue.counts({ queue: 'q7' })).workers).toBe(1);
    await caller.close();
    await worker.close();
    await redis.stop();
  }, 120_000);
});
