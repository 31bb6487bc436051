import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('stream');
const key = `hydra:stream:${stream}`;
const service = uniqueService('service');
/** More than Redis lets a script hand on at once. */
const MANY = 9_000;
const seen = new Set<number>();

@Controller()
class InOrder {
  @StreamPattern(stream, { from: 'beginning', orderBy: (n: number) => n % 7 })
  handle(@Payload() n: number): void {
    seen.add(n);
  }
}

describe('a group that orders by key', () => {
  it('takes in thousands of entries that nobody has lined up, and what comes after them', async () => {
    const { url } = await startPrivateRedis();
    const redis = new Redis(url);
    atEnd(() => redis.disconnect());
    await redis.xgroup('CREATE', key, service, '0', 'MKSTREAM');
    const writes = redis.pipeline();
    for (let n = 0; n < MANY; n++) writes.xadd(key, '*', 'hydra', '1', 'data', String(n));
    await writes.exec();
    // As redriven dead letters lie there: with an owner that nobody is.
    const nobody = `${'0'.repeat(32)}~`;
    await redis.xreadgroup('GROUP', service, nobody, 'COUNT', MANY, 'STREAMS', key, '>');
    const { app } = await startService({ service, redis: url }, [InOrder]);
    await app.get(StreamService).publish(stream, MANY);
    await eventually(() => seen.size === MANY + 1, { what: 'every entry', timeoutMs: 45_000 });
  });
});
