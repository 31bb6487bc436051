import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder } from '../../lib/index.js';
import { startProxy } from '../support/proxy.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis, testRedisUrl } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

/** Longer than the longest timer of Node, which would end at once. */
const A_MONTH = 30 * 24 * 3_600_000;

describe('a wait longer than a timer can be', () => {
  it('of discovery, lasts', async () => {
    const service = uniqueService();
    const redis = await testRedis();
    const watcher = await startInstance({ service: uniqueService(), redis }, { announce: false });
    const waiting = watcher.discovery.waitFor(service, { timeoutMs: Infinity });
    waiting.catch(() => undefined);
    await startInstance({ service, redis });
    expect(await waiting).toHaveLength(1);
  });

  it('of a call before the client is connected, lasts', async () => {
    const proxy = await startProxy(await testRedisUrl());
    const client = new HydraClient(asOwnClient({ service: uniqueService(), redis: proxy.url }));
    try {
      const record = new HydraRecordBuilder([]).setTimeout(A_MONTH).build();
      await expect(firstValueFrom(client.send('sum', record))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    } finally {
      await client.close();
    }
  });
});
