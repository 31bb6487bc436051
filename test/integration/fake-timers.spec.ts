import { Controller } from '@nestjs/common';
import { jest } from '@jest/globals';

import { QueuePattern, QueueService } from '../../lib/index.js';
import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { uniqueService } from '../support/unique.js';

const HALF_HOUR_MS = 1_800_000;

const ran: string[] = [];

@Controller()
class Slow {
  /** By a timer of its own, which knows nothing of the clock of the Redis. */
  @QueuePattern('slow', { timeoutMs: 10 * HALF_HOUR_MS })
  slow(): Promise<void> {
    ran.push('begun');
    return new Promise((resolve) => {
      setTimeout(() => {
        ran.push('ended');
        resolve();
      }, HALF_HOUR_MS);
    });
  }
}

/** The driver waits by these. */
const NOT_FAKED = ['nextTick', 'setImmediate', 'queueMicrotask'] as const;

describe('fake timers of jest', () => {
  afterEach(() => jest.useRealTimers());

  it('move with the time of a MemoryRedis', async () => {
    const redis = new MemoryRedis();
    atEnd(() => redis.close());
    const { app } = await startService({ service: uniqueService('fake'), redis }, [Slow]);
    const queues = app.get(QueueService);
    ran.length = 0;
    jest.useFakeTimers({ doNotFake: [...NOT_FAKED] });
    redis.clock.onAdvance((ms) => jest.advanceTimersByTimeAsync(ms));
    await queues.add('slow', {}, { delayMs: HALF_HOUR_MS });
    await redis.clock.advance('45 min');
    expect(ran).toEqual(['begun']);
    await redis.clock.advance('30 min');
    expect(ran).toEqual(['begun', 'ended']);
    jest.useRealTimers();
    expect((await queues.counts()).active).toBe(0);
  });
});
