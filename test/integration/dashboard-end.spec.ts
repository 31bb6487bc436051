import { Module, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';

import { HydraDashboardModule } from '../../lib/dashboard/dashboard.js';
import { HydraModule } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { follow, startDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let redis: string;
beforeAll(async () => {
  redis = (await startPrivateRedis()).url;
});

describe('the end of an application with the page', () => {
  const kinds: [string, (module: Type) => Promise<INestApplication>][] = [
    ['Express', (module) => NestFactory.create(module, { logger: false })],
    ['Fastify', (module) => NestFactory.create(module, new FastifyAdapter() as never, { logger: false })],
  ];

  it.each(kinds)('does not wait for pages that watch: %s', async (_name, make) => {
    const hydra = HydraModule.forRoot({ service: uniqueService('ends'), redis });
    @Module({ imports: [hydra, HydraDashboardModule.forRoot()] })
    class AppModule {}
    const app = await make(AppModule);
    atEnd(() => app.close().catch(() => undefined));
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const { heard, ended } = await follow(`http://127.0.0.1:${port}/hydra/`, ['fleet']);
    await eventually(() => heard.length > 0, { what: 'the fleet' });
    const from = performance.now();
    await app.close();
    expect(performance.now() - from).toBeLessThan(scaled(3_000, from));
    await ended;
  });

  it('lets nobody watch any more', async () => {
    const page = await startDashboard(redis);
    const { answer, ended } = await follow(page.url, ['fleet']);
    expect(answer.headers.get('connection')).toBe('close');
    page.dashboard.close();
    await ended;
    expect((await fetch(`${page.url}events?topic=fleet`)).status).toBe(503);
    expect(page.dashboard.collector.size).toBe(0);
  });
});
