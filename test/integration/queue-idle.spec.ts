import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
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
    // As long as the queues are read they count as such, also after longer than a life.
    expect((await queue.counts({ queue: 'q7' })).workers).toBe(1);
    await caller.close();
    await worker.close();
    await redis.stop();
  }, 120_000);
});
