import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { lastValueFrom } from 'rxjs';

import {
  HydraClient,
  HydraHealthIndicator,
  QueuePattern,
  QueueService,
  type CredentialsProvider,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { RotatingUsers } from '../support/rotating-users.js';
import { startCluster, startSentinel } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class MathController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((sum, next) => sum + next, 0);
  }

  @QueuePattern('job')
  job(@Payload() number: number): number {
    return number;
  }
}

const placeOf = (url: string) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) });

let users: RotatingUsers;
let url: string;

beforeAll(async () => {
  const redis = await startPrivateRedis();
  url = redis.url;
  users = new RotatingUsers([connectTo(url)]);
  await users.closeDefault();
});

describe('credentials of a function', () => {
  it('carry a call and a job, and each connection that stands logs in with the next ones', async () => {
    const service = uniqueService('rotates');
    const credentials = users.provider({ lifeMs: 2_000 });
    const { app } = await startService({ service, redis: url, credentials }, [MathController]);
    const client = new HydraClient({ service, redis: url, credentials });
    atEnd(() => client.close());
    await client.connect();
    const before = await users.connections();
    expect(before.length).toBeGreaterThan(4);

    const isRenewed = async () => {
      const now = await users.connections();
      return now.every(({ user }) => user !== before[0]!.user) && now.length >= before.length;
    };
    await eventually(isRenewed, { what: 'all to be logged in as the next user', timeoutMs: 10_000 });
    const after = await users.connections();
    expect(before.filter(({ id }) => !after.some((one) => one.id === id))).toEqual([]);
    await expect(lastValueFrom(client.send<number>('sum', [1, 2]))).resolves.toBe(3);
    const job = await app.get(QueueService).add('job', 7);
    await expect(job.result({ timeoutMs: 10_000 })).resolves.toBe(7);
  });

  it('are those of the next connection, at once, when Redis has ended all whose credentials expired', async () => {
    const service = uniqueService('cut');
    const credentials = users.provider({ lifeMs: 3_600_000 });
    const { app } = await startService({ service, redis: url, credentials }, [MathController]);
    const { redis } = app.get(HydraInstance);
    const lost = new Promise<void>((resolve) => redis.onState((state) => state === 'lost' && resolve()));
    await users.expire();
    await lost;
    const cutAt = performance.now();
    await eventually(() => redis.isReady, { what: 'the return', everyMs: 5 });
    expect(performance.now() - cutAt).toBeLessThan(scaled(2_000, cutAt));
  });

  it('are a warning, and nothing else, while the provider is away', async () => {
    const service = uniqueService('away');
    let isAway = false;
    const given = users.provider({ lifeMs: 4_000 });
    const credentials: CredentialsProvider = () => {
      if (isAway) throw new Error('the token endpoint does not answer');
      return given();
    };
    const { app } = await startService({ service, redis: url, credentials }, [MathController]);
    isAway = true;
    const health = async () => (await app.get(HydraHealthIndicator).isHealthy()).hydra;
    const isWarned = async () =>
      JSON.stringify((await health()).warnings ?? []).includes('the token endpoint does not answer');
    await eventually(isWarned, { what: 'the warning', timeoutMs: 10_000 });
    expect(await health()).toMatchObject({ status: 'up' });
    isAway = false;
    await eventually(async () => !(await isWarned()), { what: 'the end of the warning', timeoutMs: 10_000 });
  });

  it('outlast a provider that is away for ten minutes: nothing comes of it but the warning', async () => {
    const memory = new MemoryRedis({ seed: 1 });
    atEnd(() => memory.close());
    const admin = new Redis(memory);
    atEnd(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'hourly', 'on', 'nopass', '~*', '&*', '+@all');
    let isAway = false;
    const credentials = () => {
      if (isAway) throw new Error('the token endpoint does not answer');
      return { username: 'hourly', password: 'token', expiresAt: memory.clock.now() + 3_600_000 };
    };
    const instance = await startInstance({ service: uniqueService('hourly'), redis: memory, credentials });
    let losses = 0;
    instance.redis.onState((state) => (losses += state === 'lost' ? 1 : 0));
    // After 75 to 80 % of an hour they are renewed.
    await memory.clock.advance('44 min');
    isAway = true;
    await memory.clock.advance('10 min');
    expect(instance.redis.credentialWarning).toMatch(/does not answer; those there are expire in \d+ s$/);
    expect([losses, instance.redis.isReady, instance.health.collect().problems]).toEqual([0, true, []]);
    isAway = false;
    await memory.clock.advance('1 min');
    expect([losses, instance.redis.credentialWarning]).toEqual([0, undefined]);
  });

  it('that are wrong at the start are told, with the address and without the password', async () => {
    const credentials = () => ({ username: 'nobody', password: 'topsecret' });
    const start = startService({ service: uniqueService('wrong'), redis: url, credentials }, []);
    const error = await start.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(String(error)).toMatch(/WRONGPASS/);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('topsecret');
  });

  it('that come late are waited for', async () => {
    let failures = 3;
    const given = users.provider({ lifeMs: 3_600_000 });
    const credentials: CredentialsProvider = () => {
      if (failures-- > 0) throw new Error('not yet');
      return given();
    };
    const instance = await startInstance({ service: uniqueService('late'), redis: url, credentials });
    expect(instance.redis.isReady).toBe(true);
    expect(instance.redis.credentialWarning).toBeUndefined();
  });
});

it("a provider of node-redis' shape renews by itself, and is left when the process ends", async () => {
  const provider = users.streaming();
  const instance = await startInstance({
    service: uniqueService('streams'),
    redis: url,
    credentials: provider,
  });
  const { user } = (await users.connections())[0]!;
  await provider.next();
  const isRenewed = async () => {
    const own = (await users.connections()).filter(({ name }) => name.includes('streams'));
    return own.length > 0 && own.every((one) => one.user !== user);
  };
  await eventually(isRenewed, { what: 'all to be logged in as the next user', timeoutMs: 10_000 });
  await instance.close();
  expect(provider.disposed).toBe(1);
});

it('behind Sentinel, the connections to a new primary show the latest', async () => {
  const sentinel = await startSentinel();
  const nodes = [sentinel.primary, sentinel.replica];
  const own = new RotatingUsers(nodes.map((node) => connectTo(node.url)));
  const { redis } = await startInstance({
    service: uniqueService('sentinel'),
    redis: { sentinels: [...sentinel.sentinels], name: sentinel.name },
    credentials: own.provider({ lifeMs: 1_500 }),
    connection: { pingIntervalMs: 500 },
  });
  const first = redis.serverId;
  await sentinel.primary.kill9();
  await eventually(() => redis.isReady && redis.serverId !== first, {
    what: 'the new primary',
    timeoutMs: 30_000,
  });
});

it('with RESP2 another subscriber takes the place of the first, and no message is lost or comes twice', async () => {
  const credentials = users.provider({ lifeMs: 1_000 });
  const redis = { ...placeOf(url), protocol: 2 as const };
  const instance = await startInstance({ service: uniqueService('resp2'), redis, credentials });
  const heard: number[] = [];
  const channel = `hydra:service:${instance.options.service}:numbers`;
  await instance.redis.subscribe(channel, (text) => heard.push(Number(text))).confirmed();
  let losses = 0;
  instance.redis.onState((state) => (losses += state === 'lost' ? 1 : 0));
  const subscribers = new Set([instance.redis.subscriber]);
  const publisher = connectTo(await users.urlFor(url));
  let sent = 0;
  while (subscribers.size < 4) {
    await publisher.publish(channel, String(sent++));
    subscribers.add(instance.redis.subscriber);
  }
  await eventually(() => heard.length >= sent, { what: 'the last number' });
  expect(heard).toEqual(Array.from({ length: sent }, (_, number) => number));
  expect([losses, instance.redis.isReady]).toEqual([0, true]);
});

it('on a Cluster, every node is logged in to again', async () => {
  const cluster = await startCluster(false);
  const own = new RotatingUsers(cluster.nodes.map((node) => connectTo(node.url)));
  const service = uniqueService('cluster');
  const { redis } = await startInstance({
    service,
    redis: { cluster: [...cluster.seeds] },
    credentials: own.provider({ lifeMs: 2_000 }),
  });
  const before = await own.connections();
  const isRenewed = async () => {
    const now = await own.connections();
    return before.every(({ id, user }) => now.some((one) => one.id === id && one.user !== user));
  };
  await eventually(isRenewed, { what: 'all to be logged in as the next user', timeoutMs: 10_000 });
  expect(redis.isReady).toBe(true);
});

it('on a Cluster, credentials that one node refuses are asked for again, and that node is reached with the next', async () => {
  const cluster = await startCluster(false);
  const admins = cluster.nodes.map((node) => connectTo(node.url));
  const provider = new RotatingUsers(admins).provider({ lifeMs: 3_600_000 });
  let asked = 0;
  let present = await provider();
  const credentials = () => {
    asked++;
    return present;
  };
  const redis = { cluster: [...cluster.seeds] };
  const instance = await startInstance({ service: uniqueService('node'), redis, credentials });
  const { commands, subscriber } = instance.redis;
  // Every node is reached by one of these keys.
  const setAll = () => Promise.all(Array.from({ length: 30 }, (_, n) => commands.set(`{${n}}`, '1')));
  await setAll();
  const { remotePort } = (subscriber as Redis).stream;
  const other = cluster.seeds.findIndex(({ port }) => port !== remotePort);
  const before = { user: present.username!, asked };
  present = await provider();
  await admins[other]!.call('ACL', 'DELUSER', before.user);
  await eventually(setAll, { what: 'all nodes to answer', timeoutMs: 15_000 });
  expect(asked).toBeGreaterThan(before.asked);
  await eventually(() => instance.redis.credentialWarning === undefined, { what: 'no warning' });
});
