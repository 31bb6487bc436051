import type { Redis } from 'ioredis';

import { createKeys } from '../../lib/protocol/keys.js';
import type { ServiceView } from '../../lib/registry/discovery/service-view.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const keys = createKeys();

describe('an instance that the index has, with neither a presence nor a connection,', () => {
  const service = uniqueService('late');
  let url: string;
  let redis: Redis;
  let id: string;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    redis = connectTo(url);
    const late = await startInstance({ service, redis: url });
    // Its record stays, as after a kill.
    const record = await redis.hgetall(keys.instances(service));
    await late.close();
    await redis.hset(keys.instances(service), record);
    ({ id } = late);
  });
  // Whoever looks for the dead would take it out of the index.
  beforeEach(() => redis.zadd(keys.beats(service), 1, id));

  async function viewOf(as: string): Promise<ServiceView> {
    const started = await startInstance({ service: uniqueService('caller'), redis: as });
    return started.discovery.viewOf(service);
  }

  it('is left out by who sees it for the first time, unless nobody else is there', async () => {
    const view = await viewOf(url);
    expect(view.isSuspect({ id })).toBe(true);
    expect(view.instances).toHaveLength(1);
    view.suspect(id, 'stopping');
    view.doubt([id]);
    expect(view.unreached).toEqual([]);
    view.trust(id);
    expect(view.isSuspect({ id })).toBe(true);
  });

  it('is not left out by who may not ask for connections', async () => {
    await redis.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-pubsub');
    const limited = url.replace('redis://', 'redis://limited:secret@');
    await redis.hset(keys.instances(service), id, (await redis.hget(keys.nodes, id)) ?? '{}');
    const view = await viewOf(limited);
    expect(view.get(id)).toMatchObject({ id });
    expect(view.isSuspect({ id })).toBe(false);
  });
});
