import { Controller, Get, Inject, Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import request from 'supertest';

import {
  DiscoveryService,
  HealthContributors,
  HydraHealthIndicator,
  HydraModule,
  type HealthProbe,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(HydraHealthIndicator) private readonly hydra: HydraHealthIndicator,
  ) {}

  @Get('live')
  live() {
    return this.health.check([() => this.hydra.isAlive('hydra')]);
  }

  @Get('ready')
  ready() {
    return this.health.check([() => this.hydra.isHealthy('hydra')]);
  }
}

describe('health', () => {
  const service = uniqueService('healthy');
  let server: Awaited<ReturnType<typeof startPrivateRedis>>;
  let app: INestApplication;

  beforeAll(async () => {
    server = await startPrivateRedis();
    @Module({
      imports: [
        HydraModule.forRoot({
          service,
          redis: server.url,
          health: { intervalMs: 500, ttlMs: 3_000 },
          connection: { pingIntervalMs: 500, maxReconnectDelayMs: 100 },
        }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
    })
    class HealthyModule {}
    app = await NestFactory.create(HealthyModule, { logger: ['error'], abortOnError: false });
    atEnd(() => app.close());
    await app.listen(0, '127.0.0.1');
    await app.get(DiscoveryService).waitFor(service);
  });

  const probe = async (path: string) => {
    const { status, body } = await request(app.getHttpServer()).get(path);
    return {
      status,
      hydra: (body as { details: { hydra: { status: string; reasons?: string[] } } }).details.hydra,
    };
  };
  const reasons = async () => (await probe('/ready')).hydra.reasons ?? [];

  it('is up through Terminus, with what the process does', async () => {
    expect(await probe('/live')).toMatchObject({ status: 200, hydra: { status: 'up' } });
    const ready = await probe('/ready');
    expect(ready).toMatchObject({
      status: 200,
      hydra: { status: 'up', activity: { calls: { sent: 0, handling: 0 } } },
    });
    expect(ready.hydra).toHaveProperty('redisMs', expect.any(Number));
  });

  it('opens no connection for a probe', async () => {
    const redis = connectTo(server.url);
    const before = /total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1];
    for (let count = 0; count < 20; count++) await probe('/ready');
    expect(/total_connections_received:(\d+)/.exec(await redis.info('stats'))?.[1]).toBe(before);
  });

  it('is down, with the reason, while a part of the process stands still', async () => {
    const forget = app.get(HealthContributors).contribute('orders', () => ({ problem: 'stalled for 12 s' }));
    expect(await probe('/ready')).toMatchObject({ status: 503, hydra: { status: 'down' } });
    expect(await reasons()).toEqual(['orders: stalled for 12 s']);
    expect((await probe('/live')).status).toBe(200);
    forget();
    expect((await probe('/ready')).status).toBe(200);
  });

  it('is read by others, enriched', async () => {
    const discovery = app.get(DiscoveryService);
    const forget = app.get(HealthContributors).contribute('mine', () => ({ activity: { depth: 3 } }));
    const record = await eventually(
      async () => (await discovery.health(service)).find(({ vitals }) => vitals?.activity['mine']),
      { what: 'a record with my numbers' },
    );
    forget();
    expect(record).toMatchObject({
      service,
      pid: process.pid,
      nodeVersion: process.version,
      vitals: { activity: { mine: { depth: 3 } }, problems: [], cpu: expect.any(Number) },
    });
    expect(record.vitals?.eventLoopDelayMs).toEqual({
      p50: expect.any(Number),
      p99: expect.any(Number),
      max: expect.any(Number),
    });
    // A blocked event loop shows. Again and again: what begins right after a record was written is not measured.
    await eventually(
      async () => {
        const until = performance.now() + 200;
        while (performance.now() < until);
        return ((await discovery.health(service))[0]?.vitals?.eventLoopDelayMs['max'] ?? 0) > 100;
      },
      { what: 'a record with the delay', everyMs: 100 },
    );
  });

  it('goes on being written, and read, while a probe answers what nobody can read', async () => {
    const discovery = app.get(DiscoveryService);
    const odd = (() => ({ activity: { n: 10n } })) as unknown as HealthProbe;
    const nothing = (() => undefined) as unknown as HealthProbe;
    const health = app.get(HealthContributors);
    const forget = [health.contribute('odd', odd), health.contribute('nothing', nothing)];
    expect((await probe('/ready')).status).toBe(200);
    await eventually(
      async () => (await discovery.health(service)).some(({ vitals }) => vitals?.activity['odd']),
      {
        what: 'a record despite of it',
      },
    );
    for (const stop of forget) stop();
  });

  it('outlives the interval between two records', async () => {
    const redis = connectTo(server.url);
    const { id, keys } = app.get(HydraInstance);
    for (let look = 0; look < 50; look++) {
      expect(await redis.exists(keys.health(service, id))).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('is down while Redis hangs, and while it is gone, and up again after', async () => {
    await server.pause();
    await eventually(
      async () => (await reasons()).some((reason) => /did not answer|no connection/.test(reason)),
      {
        what: 'the hanging Redis to show',
      },
    );
    expect((await probe('/live')).status).toBe(200);
    await server.resume();
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'recovery',
      timeoutMs: 10_000,
    });
    await server.kill9();
    await eventually(
      async () => (await reasons()).some((reason) => reason.startsWith('no connection to Redis')),
      {
        what: 'the dead Redis to show',
      },
    );
    await server.restart();
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'recovery',
      timeoutMs: 10_000,
    });
  });

  it('is not taken for up by a probe during which the connection is given up', async () => {
    await server.pause();
    atEnd(() => server.resume());
    const instance = app.get(HydraInstance);
    const verdicts: string[] = [];
    // Whichever probe is under way when the link is found dead: none begun since Redis hangs may be up.
    while (instance.redis.isReady) verdicts.push((await probe('/ready')).hydra.status);
    await server.resume();
    expect(verdicts.length).toBeGreaterThan(0);
    expect(verdicts).not.toContain('up');
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'ready again',
      timeoutMs: 20_000,
    });
  });

  it('is down when the subscriptions are not confirmed', async () => {
    const { redis } = app.get(HydraInstance);
    const client = connectTo(server.url);
    // The new subscriber connection is not allowed to subscribe.
    await client.acl('SETUSER', 'default', '-subscribe');
    redis.subscriber.disconnect(true);
    const isShown = async () => /^the subscriptions are not confirmed: .*NOPERM/.test((await reasons())[0]!);
    await eventually(isShown, { what: 'the missing subscriptions to show' });
    await client.acl('SETUSER', 'default', '+subscribe');
    redis.subscriber.disconnect(true);
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'recovery',
      timeoutMs: 10_000,
    });
  });

  it('is down while it drains', async () => {
    const { presence } = app.get(HydraInstance);
    await presence.update({ capabilities: { draining: true } });
    expect(await reasons()).toEqual(['draining']);
  });
});
