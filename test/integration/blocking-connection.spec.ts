import { resolveOptions } from '../../lib/hydra-options.js';
import { BlockingConnection } from '../../lib/redis/blocking-connection.js';
import { RedisConnections } from '../../lib/redis/redis-connections.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

describe('a connection that blocks', () => {
  const list = uniqueService('list');

  async function open() {
    const proxy = await startProxy(await testRedisUrl());
    const connections = new RedisConnections(resolveOptions({ service: uniqueService(), redis: proxy.url }));
    const blocking = new BlockingConnection(connections);
    atEnd(() => connections.close());
    connections.connect().catch(() => undefined);
    const pop = () => blocking.run('pop', 100, (redis) => redis.blpop(list, 0.1));
    return { proxy, blocking, pop };
  }

  it('is made anew when no answer comes, and reads again', async () => {
    const { proxy, pop } = await open();
    await eventually(async () => (await pop()) === null, { what: 'the first read' });
    proxy.freeze();
    await expect(pop()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    proxy.thaw();
    await eventually(async () => (await pop()) === null, { what: 'the next read' });
  });

  it('fails in time while Redis cannot be reached', async () => {
    const { proxy, pop } = await open();
    await proxy.close();
    await expect(pop()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true });
  });

  it('ends its read when it is closed', async () => {
    const { blocking, pop } = await open();
    await pop();
    const reading = blocking.run('pop', 5_000, (redis) => redis.blpop(list, 5));
    blocking.close();
    await expect(reading).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });
});
