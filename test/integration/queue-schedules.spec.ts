import { Logger } from '@nestjs/common';

import { QueueService } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

const PATIENCE = { timeoutMs: 15_000 };

describe('repeating jobs', () => {
  it('are set again by who set them once Redis lost them, and not where somebody ended them', async () => {
    Logger.overrideLogger(false);
    const redis = await startPrivateRedis();
    const start = () => startCaller({ service: 'calendar', redis: redis.url }, []);
    const [first, second] = await Promise.all([start(), start()]);
    const [one, other] = [first.app.get(QueueService), second.app.get(QueueService)];
    const { commands } = first.app.get(HydraInstance).redis;
    const { schedules } = createQueueKeys(first.app.get(HydraInstance).keys, 'calendar');
    const names = async () => (await one.schedules()).map(({ name }) => name).toSorted();

    await one.repeat('a', '0 3 * * *', 'work', 1);
    await one.repeat('ended', '0 3 * * *', 'work', 1);
    await other.repeat('b', '0 4 * * *', 'work', 2);
    expect(await other.stopRepeating('ended')).toBe(true);
    expect(await names()).toEqual(['a', 'b']);
    // The one that set it must have seen that it ended.
    const looks = async () =>
      Number(/cmdstat_hkeys:calls=(\d+)/.exec(await commands.info('commandstats'))?.[1] ?? 0);
    const before = await looks();
    await eventually(async () => (await looks()) >= before + 4, { what: 'two looks of each', ...PATIENCE });

    await commands.flushall();
    // Whoever sets one anew must not keep the others from being missed.
    await one.repeat('c', '0 5 * * *', 'work', 3);
    await eventually(async () => (await names()).join() === 'a,b,c', { what: 'all of them', ...PATIENCE });
    expect((await one.schedules()).every(({ nextAt }) => nextAt !== undefined)).toBe(true);

    for (const name of await names()) await one.stopRepeating(name);
    expect(await names()).toEqual([]);
    expect(await commands.pttl(schedules)).toBeGreaterThan(0);
    await Promise.all([first.close(), second.close()]);
    await redis.stop();
  }, 60_000);
});
