/** Instances of one service with nothing to do: the real ones, with connections of their own. */
import { Logger } from '@nestjs/common';

import { answerCommands } from '../support/commands.js';
import { HydraInstance, LegacyBridge, resolveOptions } from './library.js';

Logger.overrideLogger(['error']);
const options = resolveOptions({ service: 'bench-idle', redis: process.env['BENCH_REDIS_URL'] ?? '' });
/** Started together: each connects, subscribes and registers. */
const BATCH = 25;

async function startWhole(): Promise<void> {
  const instance = new HydraInstance(options);
  await instance.presence.update({ capabilities: { acceptsCalls: true } });
  await instance.announce();
}

/** All that is sent while nothing happens, without the list of the others: a thousand lists in few processes take minutes to fill. */
async function startAlone(): Promise<void> {
  const instance = new HydraInstance(options);
  await instance.messenger.open(instance);
  await instance.presence.update({ capabilities: { acceptsCalls: true } });
  await instance.presence.announce();
  new LegacyBridge(instance).start();
}

answerCommands({
  async start({ count, isWhole }: { count: number; isWhole: boolean }): Promise<void> {
    for (let started = 0; started < count; started += BATCH)
      await Promise.all(
        Array.from({ length: Math.min(BATCH, count - started) }, isWhole ? startWhole : startAlone),
      );
  },
});
