import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService, type HydraOptions } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class NewController {
  @QueuePattern('kept')
  kept(): string {
    return 'kept';
  }
}

@Controller()
class OldController extends NewController {
  @QueuePattern('dropped')
  dropped(): string {
    return 'dropped';
  }
}

let options: HydraOptions;

beforeEach(async () => {
  Logger.overrideLogger(false);
  const presence = { ttlMs: 600, intervalMs: 200 };
  const service = uniqueService('served');
  options = { service, redis: await testRedis(), presence, queue: { noHandlerMs: 300 } };
});

async function start(controller: typeof NewController) {
  const worker = await startService(options, [controller]);
  const { keys, redis } = worker.app.get(HydraInstance);
  return {
    queue: worker.app.get(QueueService),
    commands: redis.commands,
    keys: createQueueKeys(keys, options.service),
    close: () => worker.close(),
  };
}

describe('a job whose handler was dropped', () => {
  it('becomes a dead letter, also one that was set aside for it', async () => {
    const old = await start(OldController);
    const { queue, commands, keys, close } = await start(NewController);
    const isServed = async () => (await commands.zscore(keys.patterns, 'dropped')) !== null;
    await eventually(isServed, { what: 'the old worker to say what it serves' });
    await old.close();
    const aside = { to: `${options.service}:/`, mid: 'aside', typ: 'dropped', bdy: {} };
    await commands.lpush(keys.aside('dropped'), JSON.stringify(aside));
    const added = await queue.add('dropped', {});
    await expect(added.result({ timeoutMs: 20_000 })).rejects.toThrow('"dropped" had no handler');
    const isDead = async () => (await queue.get('aside'))?.state === 'dead';
    await eventually(isDead, { what: 'the job set aside', timeoutMs: 20_000 });
    expect(await queue.add('kept', {}).result()).toBe('kept');
    await eventually(async () => !(await isServed()), {
      what: 'the pattern to be forgotten',
      timeoutMs: 20_000,
    });
    await close();
  }, 60_000);
});

describe('a job whose pattern no worker has yet', () => {
  const A_WHILE_AGO_MS = 61_000;
  const job = (id: string) =>
    JSON.stringify({ to: `${options.service}:/`, mid: id, ts: '2026-11-01T00:00:00.000Z', typ: 'dropped' });

  /** It has been in the line for so long already. */
  async function addStray({ commands, keys }: Awaited<ReturnType<typeof start>>, id: string) {
    const state = JSON.stringify({ unhandledSince: Date.now() - A_WHILE_AGO_MS });
    await commands.hset(keys.state, job(id), state);
    await commands.lpush(keys.waiting, job(id));
  }

  it('is set aside and counted, holds up no other, and runs as soon as a worker has it', async () => {
    options = { ...options, queue: { noHandlerMs: 120_000 } };
    const early = await start(NewController);
    const { queue } = early;
    for (const id of ['one', 'two']) await addStray(early, id);
    const isAside = async () => (await queue.counts()).unhandled['dropped'] === 2;
    await eventually(isAside, { what: 'both to be set aside' });
    expect(await queue.counts()).toMatchObject({ waiting: 2, dead: 0 });
    expect(await queue.get('two')).toMatchObject({ state: 'waiting', attempts: 0 });
    expect(await queue.add('kept', {}).result()).toBe('kept');

    const late = await start(OldController);
    const isDone = async () =>
      (await queue.get('one'))?.result === 'dropped' && (await queue.get('two'))?.result;
    await eventually(isDone, { what: 'both to be handled' });
    expect((await queue.counts()).unhandled).toEqual({});
    await Promise.all([early.close(), late.close()]);
  }, 30_000);

  it('stays in the line for a while at first, where a Hydra 1.x worker may take it', async () => {
    options = { ...options, queue: { noHandlerMs: 120_000 } };
    const { queue, commands, keys, close } = await start(NewController);
    const { id } = await queue.add('dropped', {});
    const state = async () => (await commands.hvals(keys.state)).join();
    await eventually(async () => (await state()).includes('unhandledSince'), { what: 'it to be looked at' });
    await eventually(async () => (await commands.llen(keys.waiting)) === 1, { what: 'it to be in the line' });
    expect((await queue.counts()).unhandled).toEqual({});
    expect((await queue.get(id))?.attempts).toBe(0);
    await close();
  });

  it('is a dead letter when its time is over, since it was first seen and not since it was added', async () => {
    options = { ...options, queue: { noHandlerMs: A_WHILE_AGO_MS + 1_500 } };
    const early = await start(NewController);
    await addStray(early, 'late');
    await eventually(async () => (await early.queue.counts()).unhandled['dropped'] === 1, {
      what: 'it aside',
    });
    const isDead = async () => (await early.queue.get('late'))?.state === 'dead';
    await eventually(isDead, { what: 'the dead letter', timeoutMs: 20_000 });
    const [letter] = await early.queue.deadLetters();
    expect(letter).toMatchObject({
      attempts: 0,
      reason: expect.stringContaining('"dropped" had no handler'),
    });
    await early.close();
  }, 30_000);
});

describe('what the workers of a queue serve', () => {
  it('is known again after Redis forgot it', async () => {
    const { commands, keys, close } = await start(OldController);
    const served = () => commands.zrangebyscore(keys.patterns, '-inf', '+inf');
    await eventually(async () => (await served()).length === 2, { what: 'its patterns' });
    await commands.del(keys.patterns);
    await eventually(async () => (await served()).length === 2, { what: 'its patterns again' });
    await close();
  });
});
