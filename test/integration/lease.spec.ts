import { Redis } from 'ioredis';

import { holdLease, releaseLease } from '../../lib/registry/lease.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

describe('a lease', () => {
  let redis: Redis;
  const key = `hydra:test:${uniqueService('lease')}`;
  const [mine, theirs] = [
    { key, holder: 'me' },
    { key, holder: 'them' },
  ];

  beforeAll(async () => {
    redis = new Redis(await testRedisUrl());
    atEnd(async () => redis.disconnect());
  });

  it('is held by one at a time, who renews it', async () => {
    expect(await holdLease(redis, mine, 60_000)).toBe(0);
    const othersMs = await holdLease(redis, theirs, 60_000);
    expect(othersMs).toBeGreaterThan(0);
    expect(othersMs).toBeLessThanOrEqual(60_000);
    expect(await holdLease(redis, mine, 90_000)).toBe(0);
    expect(await redis.pttl(key)).toBeGreaterThan(60_000);
    await releaseLease(redis, mine);
    expect(await redis.exists(key)).toBe(0);
  });

  it('passes to another when its life is over, and is neither renewed nor ended by the one before', async () => {
    expect(await holdLease(redis, mine, 20)).toBe(0);
    await eventually(async () => (await holdLease(redis, theirs, 60_000)) === 0, {
      what: 'the life to be over',
    });
    expect(await holdLease(redis, mine, 60_000)).toBeGreaterThan(0);
    await releaseLease(redis, mine);
    expect(await redis.get(key)).toBe('them');
    await releaseLease(redis, theirs);
  });
});
