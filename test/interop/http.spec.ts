import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';

import { DiscoveryService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startHybrid, type TestHybrid } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

@Controller('v1/shop')
class ShopController {
  @Get('hello/:name')
  hello(@Param('name') name: string, @Query('loud') loud: string) {
    return { result: { hello: name, loud } };
  }

  @Post('sum')
  @HttpCode(200)
  sum(@Body() { numbers }: { numbers: number[] }) {
    return { result: { sum: numbers.reduce((a, b) => a + b, 0) } };
  }

  @MessagePattern('sum')
  sumMessage(numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }
}

describe('a hybrid Nest application and hydra-express', () => {
  const service = uniqueService('shop');
  let nest: TestHybrid;
  let express: HydraPeer;

  beforeAll(async () => {
    const redisUrl = await testRedisUrl();
    [nest, express] = await Promise.all([
      startHybrid({ service, redis: redisUrl, host: '127.0.0.1' }, [ShopController]),
      HydraPeer.start({ service: uniqueService('express'), redisUrl, kind: 'hydra-express' }),
    ]);
  }, 30_000);
  afterAll(() => express.stop());

  it('Hydra finds its HTTP port and calls its controllers with makeAPIRequest', async () => {
    const [node] = await express.call('presence', { service });
    expect(Number(node?.port)).toBe(nest.port);
    const hello = await express.call('apiRequest', {
      to: `${service}:[get]/v1/shop/hello/world?loud=yes`,
      body: {},
    });
    expect(hello).toMatchObject({ statusCode: 200, result: { hello: 'world', loud: 'yes' } });
    const sum = await express.call('apiRequest', {
      to: `${service}:[post]/v1/shop/sum`,
      body: { numbers: [1, 2, 3] },
    });
    expect(sum).toMatchObject({ statusCode: 200, result: { sum: 6 } });
  });

  it('keep their routes when they are instances of one service, whoever comes later', async () => {
    const redisUrl = await testRedisUrl();
    const mixed = uniqueService('mixed');
    const { app } = await startHybrid({ service: mixed, redis: redisUrl, host: '127.0.0.1' }, [
      ShopController,
    ]);
    const routes = () =>
      app.get(HydraInstance).redis.commands.smembers(`hydra:service:${mixed}:service:routes`);
    const ours = '[post]/v1/shop/sum';
    expect(await routes()).toContain(ours);
    const later = await HydraPeer.start({ service: mixed, redisUrl, kind: 'hydra-express' });
    const theirs = (await routes()).filter((route) => route !== ours && !route.includes(mixed));
    await eventually(async () => (await routes()).includes(ours), {
      what: 'our routes again',
      timeoutMs: 10_000,
    });
    await app.get(HydraInstance).presence.setRoutes(['[get]/v1/other']);
    const now = await routes();
    expect(now).toEqual(expect.arrayContaining(['[get]/v1/other']));
    expect(now).not.toContain(ours);
    const hydras = theirs.filter((route) => !route.includes('/v1/shop/'));
    expect(hydras.length).toBeGreaterThan(0);
    expect(now).toEqual(expect.arrayContaining(hydras));
    await later.stop();
  }, 60_000);

  it('Hydra is told of a route that is not there by its status', async () => {
    const missing = await express.call('apiRequest', { to: `${service}:[get]/v1/shop/none`, body: {} });
    expect(missing.statusCode).toBe(404);
  });

  it('the same controller answers messages', async () => {
    const reply = await express.call('request', { to: `${service}:/`, typ: 'sum', body: [20, 22] });
    expect(reply.bdy).toBe(42);
  });

  it('Nest finds where hydra-express listens, and its routes', async () => {
    const discovery = nest.app.get(DiscoveryService);
    const [instance] = await discovery.waitFor(express.service);
    expect(instance).toMatchObject({ id: express.instanceId, host: '127.0.0.1' });
    const url = `http://${instance!.host}:${instance!.port}/v1/peer/hello/nest`;
    const answer = await eventually(async () => (await fetch(url)).json(), {
      what: 'hydra-express to answer',
    });
    expect(answer).toMatchObject({ result: { hello: 'nest' } });
    const isKnown = () =>
      discovery.routes(express.service)[express.service]?.includes('[get]/v1/peer/hello/:name');
    // Hydra announces no routes: they are read again every few seconds.
    await eventually(isKnown, { what: 'the routes of hydra-express', timeoutMs: 15_000 });
  });
});
