import type { Redis } from 'ioredis';

import type { HydraInstance } from '../../lib/hydra-instance.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const PAST_DOUBLES = '9007199254740993';

describe('what strangers write into the registry', () => {
  let url: string;
  let redis: Redis;
  let watcher: HydraInstance;

  beforeAll(async () => {
    url = await testRedisUrl();
    redis = connectTo(url);
    watcher = await startInstance({ service: uniqueService('watcher'), redis: url }, { announce: false });
  });

  it('is passed over where it is announced, and what is true is still heard', async () => {
    const service = uniqueService('odd');
    const { discovery, keys } = watcher;
    await startInstance({ service, redis: url });
    await discovery.waitFor(service);
    const channel = keys.announcements(service);
    const odd = [
      ...['', 'null', '[]', '{}', 'NaN join {}', '-1 leave x', '1e3 lost x', `${PAST_DOUBLES} leave x`],
      ...[
        '9007199254740991 join null',
        '9007199254740991 change []',
        '9007199254740990 join {"instanceID":1}',
      ],
      ...[`9007199254740991 join {"serviceName":"other","instanceID":"x"}`, `1 join ${'['.repeat(20_000)}`],
      ...[
        '9007199254740991 leave __proto__',
        '9007199254740991 lost constructor',
        `${'9'.repeat(400)} join {}`,
      ],
    ];
    for (const text of odd) {
      await redis.publish(channel, text);
      await redis.publish(keys.directoryChanges, text);
    }
    await startInstance({ service, redis: url });
    expect(await discovery.waitFor(service, { min: 2, timeoutMs: 5_000 })).toHaveLength(2);
  });

  it.each([
    ['text', (key: string) => redis.set(key, 'many')],
    ['a list', async (key: string) => (await redis.del(key)) + (await redis.lpush(key, 'x'))],
    ['a number that no double holds', (key: string) => redis.set(key, PAST_DOUBLES)],
    ['a number below zero', (key: string) => redis.set(key, '-7')],
    ['the last number there is', (key: string) => redis.set(key, '9223372036854775807')],
  ])('an epoch that is %s begins anew with the next change', async (_, spoil) => {
    const service = uniqueService('spoilt');
    const { discovery, keys } = watcher;
    await startInstance({ service, redis: url });
    await discovery.waitFor(service);
    await spoil(keys.epoch(service));
    const second = await startInstance({ service, redis: url });
    await discovery.waitFor(service, { min: 2, timeoutMs: 5_000 });
    await second.close();
    await eventually(() => discovery.instances(service).length === 1, { what: 'its leaving' });
    expect(Number(await redis.get(keys.epoch(service)))).toBeGreaterThan(1e12);
  });
});
