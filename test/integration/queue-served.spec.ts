import { Controller, Logger } from '@nestjs/common';

import { QueuePattern, QueueService, type HydraOptions } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/queue.keys.js';
import { HydraInstance } from '../../lib/transport/hydra.instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
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
  options = { service, redis: await testRedisUrl(), presence, queue: { noHandlerMs: 300 } };
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
