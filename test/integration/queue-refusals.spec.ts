import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService, type AddOptions, type RepeatOptions } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { addOne } from '../../lib/queue/scripts/producer-scripts.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnUser } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let service: string;
let queue: QueueService;
let close: () => Promise<void>;

const ticks: unknown[] = [];

@Controller()
class TickController {
  @QueuePattern('tick')
  tick(data: unknown): void {
    ticks.push(data);
  }
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('refusals');
  const options = { service, redis: await testRedis(), maxPayloadBytes: 2_000 };
  const caller = await startCaller(options, []);
  queue = caller.app.get(QueueService);
  close = () => caller.close();
});

afterAll(() => close());

const count = async () => {
  const { waiting, delayed } = await queue.counts();
  return waiting + delayed;
};

describe('a job', () => {
  it.each<[string, AddOptions]>([
    ['attempts', { attempts: 0 }],
    ['attempts', { attempts: 2.5 }],
    ['timeoutMs', { timeoutMs: -1 }],
    ['backoff', { backoff: -1 }],
    ['backoff', { backoff: {} as never }],
    ['backoff', { backoff: (() => 1) as never }],
    ['backoff.delayMs', { backoff: { type: 'fixed' } as never }],
    ['delayMs', { delayMs: Number.NaN }],
    ['delayMs', { delayMs: -5 }],
    ['delayMs', { delayMs: Infinity }],
    ['delayMs', { delayMs: 1e15 }],
    ['dedupMs', { id: 'x', dedupMs: Infinity }],
    ['dedupMs', { id: 'x', dedupMs: 0 }],
    ['dedupMs', { id: 'x', dedupMs: Number.NaN }],
    ['id', { id: '' }],
    ['id', { id: 7 as never }],
    ['priority', { priority: 'low' as never }],
  ])(
    'is refused where %s is wrong, and with it all that are added by the same call',
    async (name, options) => {
      const refusal = {
        code: 'BAD_OPTION',
        message: expect.stringContaining(`[BAD_OPTION] ${name} must be `),
      };
      await expect(queue.add('echo', 1, options)).rejects.toMatchObject(refusal);
      const jobs = [
        { pattern: 'echo', data: 1 },
        { pattern: 'echo', data: 2, ...options },
      ];
      await expect(queue.addBulk(jobs)).rejects.toMatchObject(refusal);
      expect(await count()).toBe(0);
    },
  );

  it('is refused without a pattern', async () => {
    await expect(queue.add('', 1)).rejects.toThrow('[BAD_OPTION] pattern must be');
  });
});

it('a job that reads like one which is delayed goes first, rather than into it', async () => {
  const instance = new HydraInstance(resolveOptions(asOwnUser({ service, redis: await testRedis() })));
  await instance.open();
  const keys = createQueueKeys(instance.keys, service);
  const { waiting, high, delayed, ids, results, finished, died, idle, ranked, patterns, hints, latest } =
    keys;
  const names = [waiting, high, delayed, ids, results, finished, died, idle, ranked, patterns, hints, latest];
  const given = [
    '{"mid":"twin"}',
    '',
    60_000,
    '',
    1,
    keys.wakeOf(''),
    'twin',
    '',
    0,
    'twin',
    '',
    '',
    '"twin"',
    keys.events,
  ];
  const args = [...names, keys.watched, keys.history, ...given];
  const { commands } = instance.redis;
  expect([await addOne.run(commands, args), await addOne.run(commands, args)]).toEqual([1, 1]);
  expect([await commands.zcard(delayed), await commands.llen(high)]).toEqual([1, 1]);
  await commands.del(delayed, high, hints);
  await instance.close();
});

describe('a page', () => {
  it('of none is empty, and one that is no page is refused', async () => {
    const jobs = await queue.addBulk([1, 2, 3].map((data) => ({ pattern: 'echo', data })));
    expect(await queue.list('waiting', { limit: 0 })).toEqual([]);
    expect(await queue.list('dead', { limit: 0 })).toEqual([]);
    expect(await queue.deadLetters({ limit: 0 })).toEqual([]);
    for (const page of [{ limit: -1 }, { offset: -1 }, { offset: 0.5 }, { limit: Number.NaN }]) {
      const refusal = { code: 'BAD_OPTION' };
      await expect(queue.deadLetters(page)).rejects.toMatchObject(refusal);
      await expect(queue.list('waiting', page)).rejects.toMatchObject(refusal);
      await expect(queue.list('completed', page)).rejects.toMatchObject(refusal);
    }
    for (const { id } of jobs) expect(await queue.remove(id)).toBe(true);
  });
});

describe('a repeating job', () => {
  it.each<[string, string, string, string, unknown, RepeatOptions]>([
    ['BAD_OPTION', '', '* * * * *', 'tick', 1, {}],
    ['BAD_OPTION', 'name', '2020-01-01T00:00:00', 'tick', 1, {}],
    ['BAD_OPTION', 'name', '* * * * *', '', 1, {}],
    ['BAD_OPTION', 'name', '* * * * *', 'tick', 1, { attempts: 0 }],
    ['BAD_OPTION', 'name', '* * * * *', 'tick', 1, { backoff: -1 }],
    ['BAD_OPTION', 'name', '* * * * *', 'tick', 1, { timeoutMs: Number.NaN }],
    ['BAD_PAYLOAD', 'name', '* * * * *', 'tick', 1n, {}],
    ['BAD_PAYLOAD', 'name', '* * * * *', 'tick', new Map(), {}],
    ['PAYLOAD_TOO_LARGE', 'name', '* * * * *', 'tick', 'x'.repeat(2_000), {}],
  ])('is refused with %s: %j at %j, %j', async (code, name, cron, pattern, data, options) => {
    await expect(queue.repeat(name, cron, pattern, data, options)).rejects.toMatchObject({ code });
    expect(await queue.schedules()).toEqual([]);
  });

  it('carries bytes', async () => {
    const options = { service: uniqueService('refusals'), redis: await testRedis() };
    const worker = await startService(options, [TickController]);
    const own = worker.app.get(QueueService);
    const data = { blob: Buffer.from([0, 255]) };
    await own.repeat('bytes', '* * * * * *', 'tick', data);
    expect(await own.schedules()).toMatchObject([{ name: 'bytes', data }]);
    await eventually(() => ticks.length > 0, { what: 'a tick', timeoutMs: 30_000 });
    expect(ticks[0]).toEqual(data);
    await worker.close();
  }, 60_000);
});
