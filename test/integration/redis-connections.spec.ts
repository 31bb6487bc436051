import type { Socket } from 'node:net';

import { HydraError } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { RedisConnections } from '../../lib/redis/redis-connections.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';

function connectionsTo(redis: string): RedisConnections {
  const connections = new RedisConnections(resolveOptions({ service: 'connections', redis }));
  atEnd(() => connections.close());
  return connections;
}

describe('the connections to Redis', () => {
  let proxy: Proxy;
  let redis: RedisConnections;
  beforeEach(async () => {
    proxy = await startProxy(await testRedisUrl());
    redis = connectionsTo(proxy.url);
    await redis.connect();
  });
  afterEach(() => redis.close());

  it('reject a command that was under way when its connection broke', async () => {
    proxy.freeze();
    const command = redis.run('PING', (client) => client.ping());
    command.catch(() => undefined);
    proxy.thaw();
    proxy.sever();
    await expect(command).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE', mayHaveRun: true });
    await eventually(() => redis.isReady, { what: 'the next connection' });
    expect(await redis.run('PING', (client) => client.ping())).toBe('PONG');
  });

  it('reject a blocking command whose connection broke, and serve the next', async () => {
    const { client: reader } = redis.openBlocking();
    await eventually(() => reader.status === 'ready', { what: 'the reader' });
    const command = reader.blpop('hydra:test:nothing', 0);
    command.catch(() => undefined);
    proxy.sever();
    await expect(command).rejects.toThrow('Connection is closed');
    const next = await eventually(() => reader.ping(), { what: 'the reader to be connected again' });
    expect(next).toBe('PONG');
  });

  it('survive a socket that tells more than one error, as with TLS a failed write and then an alert', async () => {
    const { client: reader } = redis.openBlocking();
    await eventually(() => reader.status === 'ready', { what: 'the reader' });
    for (const client of [redis.commands, redis.subscriber, reader]) {
      const { stream } = client as unknown as { stream: Socket };
      for (const reason of ['write EPIPE', 'alert decode error', 'and another'])
        expect(() => stream.emit('error', new Error(reason))).not.toThrow();
      stream.destroy();
    }
    await eventually(() => redis.isReady && reader.status === 'ready', { what: 'the next connections' });
  });

  it('reject what waits for them when they are closed', async () => {
    await proxy.close();
    await eventually(() => !redis.isReady, { what: 'the loss' });
    const command = redis.run('PING', (client) => client.ping());
    redis.close();
    await expect(command).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(redis.connect()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('end commands under way when they are closed', async () => {
    proxy.freeze();
    const command = redis.run('PING', (client) => client.ping());
    redis.close();
    await expect(command).rejects.toBeInstanceOf(HydraError);
  });

  it('pass on what Redis itself answers', async () => {
    await expect(redis.run('HGET', (client) => client.call('HGET', 'one'))).rejects.toThrow(
      /ERR wrong number/,
    );
  });

  it('notice a link that carries nothing any more', async () => {
    const watched = new RedisConnections(
      resolveOptions({ service: 'connections', redis: proxy.url, connection: { pingIntervalMs: 100 } }),
    );
    await watched.connect();
    proxy.freeze();
    await eventually(() => !watched.isReady, { what: 'the silence to be noticed' });
    proxy.thaw();
    await eventually(() => watched.isReady, { what: 'the connection to be back' });
    watched.close();
  });
});

describe('a Redis that is killed', () => {
  it('takes no promise with it', async () => {
    const server = await startPrivateRedis();
    const redis = connectionsTo(server.url);
    await redis.connect();
    await server.pause();
    const command = redis.run('PING', (client) => client.ping());
    command.catch(() => undefined);
    await server.kill9();
    await expect(command).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });
});
