import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';

import { DiscoveryService, HydraHttpClient, HydraLogger } from '../../lib/index.js';
import { startHybrid, type TestHybrid } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

@Controller('v1/shop')
class ShopController {
  @Get('items/:id')
  item(@Param('id') id: string) {
    return { result: { item: id } };
  }

  @Post('sum')
  sum(@Body() { numbers }: { numbers: number[] }) {
    return { result: { sum: numbers.reduce((a, b) => a + b, 0) } };
  }

  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

describe('the registry, between the real packages and Nest', () => {
  let url: string;
  let hydra: HydraPeer;
  let express: HydraPeer;
  let nest: TestHybrid;
  let discovery: DiscoveryService;
  const service = uniqueService('shop');

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    nest = await startHybrid({ service, redis: url, host: '127.0.0.1', type: 'web', version: '2.1.0' }, [
      ShopController,
    ]);
    discovery = nest.app.get(DiscoveryService);
    [hydra, express] = await Promise.all([
      HydraPeer.start({ service: uniqueService('old'), redisUrl: url, version: '1.4.0', type: 'legacy' }),
      HydraPeer.start({ kind: 'hydra-express', service: uniqueService('web'), redisUrl: url }),
    ]);
  }, 40_000);

  afterAll(() => Promise.all([hydra, express].map((peer) => peer?.stop())));

  it('hydra finds a Nest service: its record, its presence, its node', async () => {
    expect(await hydra.call('find', { service })).toMatchObject({ serviceName: service, type: 'web' });
    expect(await hydra.call('hasPresence', { service })).toBe(true);
    const [present] = await hydra.call('presence', { service });
    expect(present).toMatchObject({
      instanceID: nest.id,
      ip: '127.0.0.1',
      port: String(nest.port),
      version: '2.1.0',
    });
    const nodes = await hydra.call('nodes');
    expect(nodes.map(({ instanceID }) => instanceID)).toEqual(
      expect.arrayContaining([nest.id, hydra.instanceId, express.instanceId]),
    );
    expect((await hydra.call('services')).map(({ serviceName }) => serviceName)).toContain(service);
  });

  it('hydra reads the health of a Nest instance whenever it looks', async () => {
    for (let look = 0; look < 10; look++) {
      const [health] = await hydra.call('health', { service });
      expect(health).toMatchObject({ serviceName: service, instanceID: nest.id, processID: process.pid });
      expect(health).toHaveProperty('memory.rss', expect.any(Number));
    }
    expect(await hydra.call('healthAll')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ presence: [expect.objectContaining({ instanceID: nest.id })] }),
      ]),
    );
  });

  it('hydra reads the log of a Nest instance', async () => {
    const logger = nest.app.get(HydraLogger).wrap({ log: () => 0, error: () => 0, warn: () => 0 });
    logger.error('Redis is slow');
    await logger.flush();
    const log = await hydra.call('healthlog', { service });
    expect(log).toContainEqual(
      expect.objectContaining({
        type: 'error',
        msg: 'Redis is slow',
        message: 'Redis is slow',
        serviceName: service,
      }),
    );
  });

  it('hydra knows the routes of a Nest application, and calls them', async () => {
    expect((await hydra.call('allRoutes'))[service]).toEqual(
      expect.arrayContaining(['[get]/v1/shop/items/:id', '[post]/v1/shop/sum', `[get]/${service}`]),
    );
    const got = await hydra.call('apiRequest', { to: `${service}:[get]/v1/shop/items/7`, body: {} });
    expect(got).toMatchObject({ statusCode: 200, result: { item: '7' } });
    const posted = await hydra.call('apiRequest', {
      to: `${service}:[post]/v1/shop/sum`,
      body: { numbers: [20, 22] },
    });
    expect(posted.result).toEqual({ sum: 42 });
  });

  it('Nest finds hydra: its instance, its record, its health and its log', async () => {
    const [found] = await discovery.waitFor(hydra.service);
    expect(found).toMatchObject({
      id: hydra.instanceId,
      service: hydra.service,
      version: '1.4.0',
      host: '127.0.0.1',
    });
    expect(discovery.find(hydra.service)).toMatchObject({ type: 'legacy' });
    expect(discovery.services()).toEqual(expect.arrayContaining([service, hydra.service, express.service]));
    await hydra.call('log', { type: 'error', message: 'from hydra' });
    await eventually(
      async () => (await discovery.logs(hydra.service)).some(({ message }) => message === 'from hydra'),
      {
        what: "hydra's log",
      },
    );
    // Hydra's health record lives for 3 of every 5 seconds.
    const health = await eventually(async () => (await discovery.health(hydra.service))[0], {
      what: "hydra's health",
      timeoutMs: 15_000,
    });
    expect(health).toMatchObject({ id: hydra.instanceId, service: hydra.service });
    expect(health).not.toHaveProperty('vitals');
  });

  it('Nest matches and calls the routes of hydra-express', async () => {
    const match = await eventually(() => discovery.match('GET', '/v1/peer/hello/nest?full=1'), {
      what: 'the routes of hydra-express',
      timeoutMs: 15_000,
    });
    expect(match).toMatchObject({ service: express.service, params: { name: 'nest' } });
    const http = nest.app.get(HydraHttpClient);
    const hello = await http.request(`${express.service}:[get]/v1/peer/hello/nest?full=1`);
    expect(await hello.json()).toMatchObject({ result: { hello: 'nest', query: { full: '1' } } });
    const sum = await http.request(`${express.service}:[post]/v1/peer/sum`, { body: { numbers: [1, 2] } });
    expect(await sum.json()).toMatchObject({ result: { sum: 3 } });
  });

  it('each notices when the other leaves or dies', async () => {
    const other = uniqueService('brief');
    const brief = await startHybrid({ service: other, redis: url, host: '127.0.0.1' }, [ShopController]);
    expect(await hydra.call('hasPresence', { service: other })).toBe(true);
    await brief.close();
    expect(await hydra.call('hasPresence', { service: other })).toBe(false);

    const dying = await HydraPeer.start({ service: uniqueService('dying'), redisUrl: url });
    await discovery.waitFor(dying.service);
    await dying.kill();
    await eventually(() => !discovery.has(dying.service), {
      what: 'the dead hydra to vanish',
      timeoutMs: 15_000,
    });

    const leaving = await HydraPeer.start({ service: uniqueService('leaving'), redisUrl: url });
    await discovery.waitFor(leaving.service);
    await leaving.stop();
    await eventually(() => !discovery.has(leaving.service), {
      what: 'the leaving hydra to vanish',
      timeoutMs: 15_000,
    });
  }, 60_000);

  it('a hydra that had a Nest instance in its cache survives its end', async () => {
    const other = uniqueService('cached');
    const brief = await startHybrid({ service: other, redis: url, host: '127.0.0.1' }, [ShopController]);
    await hydra.call('apiRequest', { to: `${other}:[get]/v1/shop/items/1`, body: {} });
    await brief.close();
    const answer = await hydra.call('apiRequest', { to: `${other}:[get]/v1/shop/items/1`, body: {} });
    expect(answer.statusCode).toBe(503);
    expect(await hydra.call('hasPresence', { service })).toBe(true);
  });
});
