import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { StreamPattern } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('lost');
const service = uniqueService('service');
const key = `hydra:stream:${stream}`;
let highest = 0;

@Controller()
class Ordered {
  @StreamPattern(stream, { orderBy: 'k' })
  handle(@Payload() { n }: { n: number }): void {
    highest = Math.max(highest, n);
  }
}

/** Has entries published all the time, a dozen keys, until it is stopped. */
function publishAllTheTime(redis: Redis): {
  readonly last: () => number;
  readonly stop: () => Promise<void>;
} {
  let n = 0;
  const over = new AbortController();
  const add = () => redis.xadd(key, '*', 'hydra', '1', 'data', JSON.stringify({ k: n % 12, n: ++n }));
  const running = (async () => {
    while (!over.signal.aborted) {
      await Promise.all(Array.from({ length: 20 }, add));
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
  })();
  return {
    last: () => n,
    stop: async () => {
      over.abort();
      await running;
    },
  };
}

async function cutCommands(redis: Redis): Promise<void> {
  const clients = (await redis.call('CLIENT', 'LIST')) as string;
  for (const line of clients.split('\n').filter((one) => one.includes(`name=hydra:${service}:commands`))) {
    await redis.call('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)![1]!).catch(() => undefined);
  }
}

describe('an ordered group under load', () => {
  let redis: Redis;

  beforeAll(async () => {
    const { url } = await startPrivateRedis();
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
    await startService({ service, redis: url }, [Ordered]);
  }, 30_000);

  it.each<[what: string, act: () => Promise<unknown>, times: number]>([
    ['its group is destroyed', () => redis.xgroup('DESTROY', key, service), 8],
    ['Redis is flushed', () => redis.flushall(), 8],
    ['its link is cut', () => cutCommands(redis), 20],
  ])(
    'goes on, however often %s',
    async (_what, act, times) => {
      const load = publishAllTheTime(redis);
      try {
        for (let time = 0; time < times; time++) {
          await act();
          const from = load.last();
          await eventually(() => highest > from, {
            what: `an entry published after blow ${time + 1}`,
            timeoutMs: 10_000,
          });
        }
      } finally {
        await load.stop();
      }
    },
    120_000,
  );
});
