import { setTimeout as sleep } from 'node:timers/promises';

import { ConsoleLogger, Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { HydraModule } from '../../lib/index.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

function instanceOf(service: string, redis: string): HydraInstance {
  const instance = new HydraInstance(resolveOptions({ service, redis }));
  atEnd(() => instance.close());
  return instance;
}

describe('an instance whose connection breaks while it starts', () => {
  it('opens with the next connection', async () => {
    const proxy = await startProxy(await testRedisUrl());
    const instance = instanceOf(uniqueService(), proxy.url);
    await instance.redis.connect();
    proxy.freeze();
    const opening = instance.open();
    opening.catch(() => undefined);
    // SUBSCRIBE has left, and will never be answered.
    await sleep(20);
    proxy.thaw();
    proxy.sever();
    await opening;
    const [, count] = await instance.redis.commands.pubsub(
      'NUMSUB',
      instance.keys.instanceChannel(instance.options.service, instance.id),
    );
    expect(Number(count)).toBe(1);
  });

  it('opens however often it breaks', async () => {
    const url = await testRedisUrl();
    for (let round = 0; round < 5; round++) {
      const proxy = await startProxy(url);
      const instance = instanceOf(uniqueService(), proxy.url);
      const opening = instance.announce();
      opening.catch(() => undefined);
      for (let cut = 0; cut < 10; cut++) {
        await sleep(10 + Math.random() * 30);
        proxy.sever();
      }
      await opening;
      const { discovery, options } = instance;
      await eventually(() => discovery.instances(options.service).length === 1, { what: 'itself' });
    }
  });
});

describe('an application that is closed while it waits for Redis', () => {
  it('starts without, says so, and tells of no other error', async () => {
    const errors: unknown[] = [];
    class Listener extends ConsoleLogger {
      override error(message: unknown): void {
        errors.push(message);
      }
      override warn(): void {}
      override log(): void {}
    }
    const redis = await startPrivateRedis();
    await redis.stop();
    @Module({ imports: [HydraModule.forRoot({ service: uniqueService(), redis: redis.url })] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: new Listener() });
    await app.close();
    // What waited is told in the turns after this one.
    await sleep(50);
    Logger.overrideLogger(['error']);
    expect(errors).toEqual([expect.stringContaining('no connection to Redis')]);
  });
});

describe('an instance that is stopped while it starts', () => {
  it('is not found once Redis is there', async () => {
    const redis = await startPrivateRedis();
    const proxy = await startProxy(redis.url);
    proxy.freeze();
    const service = uniqueService();
    const instance = instanceOf(service, proxy.url);
    const announcing = instance.announce();
    await instance.presence.withdraw();
    proxy.thaw();
    await announcing;
    expect(await connectTo(redis.url).hlen(instance.keys.instances(service))).toBe(0);
  });

  it('writes no health any more', async () => {
    const service = uniqueService();
    const url = await testRedisUrl();
    const instance = instanceOf(service, url);
    await instance.open();
    const announcing = instance.announce();
    // Without leaving this turn: a moment later its health is written, and rightly so.
    for (let step = 0; step < 1_000 && !instance.presence.isAnnounced; step++) await Promise.resolve();
    expect(instance.presence.isAnnounced).toBe(true);
    await instance.presence.withdraw();
    await announcing;
    // A command of this connection is answered after those before it.
    await instance.redis.commands.ping();
    expect(await connectTo(url).exists(instance.keys.health(service, instance.id))).toBe(0);
  });
});
