import { lastValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder, type HydraClientOptions } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('durable');

function clientOf(options: Partial<HydraClientOptions>): HydraClient {
  const client = new HydraClient(asOwnClient({ service, ...options }));
  atEnd(() => client.close());
  return client;
}

describe('an event that is to be kept in a stream', () => {
  it('fails within timeoutMs when Redis was never there', async () => {
    const client = clientOf({ redis: 'redis://127.0.0.1:1', durableEvents: 'events', timeoutMs: 300 });
    await expect(lastValueFrom(client.emit('paid', 1))).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });

  it('fails so as well when it is for one live instance', async () => {
    const client = clientOf({ redis: 'redis://127.0.0.1:1', timeoutMs: 300 });
    await expect(lastValueFrom(client.emit('paid', 1))).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });

  it('fails with CLOSED once its client is closed', async () => {
    const client = clientOf({ redis: await testRedis(), durableEvents: 'events' });
    await client.close();
    await expect(lastValueFrom(client.emit('paid', 1))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('is refused when its client has a serializer, which it would pass by', async () => {
    const serializer = { serialize: (value: unknown) => value };
    const client = clientOf({ redis: await testRedis(), durableEvents: 'events', serializer });
    await expect(lastValueFrom(client.emit('paid', 1))).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it.each([[''], [{ paid: '' }], [7]])('is refused with the stream %j', (durableEvents) => {
    const refusal = expect.objectContaining({ code: 'BAD_OPTION' }) as Error;
    expect(
      () => new HydraClient(asOwnClient({ service, durableEvents } as unknown as HydraClientOptions)),
    ).toThrow(refusal);
  });

  it('is refused when its record names no stream', () => {
    const refusal = expect.objectContaining({ code: 'BAD_OPTION' }) as Error;
    expect(() => new HydraRecordBuilder(1).setStream('')).toThrow(refusal);
  });
});
