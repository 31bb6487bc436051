import { Redis } from 'ioredis';

import { QueueService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

/** Adds as many jobs at once; how many commands carried them, and which wait in which order. */
async function addAtOnce(count: number, text: string) {
  const { url } = await startPrivateRedis();
  const { app } = await startCaller({ service: uniqueService('batches'), redis: url }, []);
  const queue = app.get(QueueService);
  const redis = new Redis(url);
  atEnd(() => redis.disconnect());
  const jobs = Array.from({ length: count }, (_, n) => ({ pattern: 'mail.send', data: { n, text } }));
  const before = await pushes(redis);
  const added = await queue.addBulk(jobs);
  const commands = (await pushes(redis)) - before;
  const waiting = await queue.list('waiting', { limit: count });
  return { commands, added: added.map(({ id }) => id), waiting: waiting.map(({ id }) => id) };
}

/** The LPUSHes that this Redis has had. */
async function pushes(redis: Redis): Promise<number> {
  return Number(/cmdstat_lpush:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
}

describe('jobs that are added at once', () => {
  it('share commands of at most 16,384 characters, and wait in their order', async () => {
    // Thirteen of 1.2 kB fit into one.
    const { commands, added, waiting } = await addAtOnce(100, 'x'.repeat(1_000));
    expect(commands).toBe(8);
    expect(waiting).toEqual(added);
  });

  it('have a command each where one alone is longer', async () => {
    const { commands, added, waiting } = await addAtOnce(3, 'x'.repeat(20_000));
    expect(commands).toBe(3);
    expect(waiting).toEqual(added);
  });
});
