import { randomUUID } from 'node:crypto';

import { QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller } from '../support/app.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const COUNT = 20_000;

describe('a job that waits', () => {
  it.each([
    { how: 'with an id of its own', optionsOf: () => ({ id: randomUUID() }) },
    { how: 'with a generated id', optionsOf: () => ({}) },
  ])(
    'takes less than 400 bytes, $how',
    async ({ optionsOf }) => {
      const { url } = await startPrivateRedis();
      // A thousand jobs at once may keep a PING waiting on a busy machine.
      const connection = { pingIntervalMs: 10_000 };
      const caller = await startCaller({ service: uniqueService('bytes'), redis: url, connection }, []);
      const queue = caller.app.get(QueueService);
      const { redis } = caller.app.get(HydraInstance);
      const used = async () =>
        Number(/used_memory_dataset:(\d+)/.exec(await redis.commands.info('memory'))![1]);
      await queue.add('warm', 0);
      const before = await used();
      for (let n = 0; n < COUNT; n += 1_000) {
        await queue.addBulk(
          Array.from({ length: 1_000 }, (_, at) => ({
            pattern: 'mail.send',
            data: { n: n + at },
            ...optionsOf(),
          })),
        );
      }
      const bytes = ((await used()) - before) / COUNT;
      expect(bytes).toBeLessThan(400);
      expect(bytes).toBeGreaterThan(150);
      await caller.close();
    },
    60_000,
  );
});
