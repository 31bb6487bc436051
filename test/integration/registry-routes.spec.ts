import { All, Controller, Get, Module, Param, Post, VersioningType, type Type } from '@nestjs/common';
import { NestFactory, RouterModule } from '@nestjs/core';

import {
  DiscoveryService,
  HydraModule,
  HydraRoute,
  HydraServer,
  type RedisLocation,
} from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller({ path: 'orders', version: '1' })
class OrdersController {
  @Get()
  list(): string {
    return 'list';
  }

  @Get(':id')
  one(@Param('id') id: string): string {
    return id;
  }

  @Post(['new', 'fresh'])
  create(): string {
    return 'created';
  }

  @HydraRoute(false)
  @Get('internal/state')
  internal(): string {
    return 'internal';
  }
}

@Controller('files')
class FilesController {
  @Get('{*path}')
  file(): string {
    return 'file';
  }

  @All('any')
  any(): string {
    return 'any';
  }

  @Get('month{/:day}')
  month(): string {
    return 'month';
  }
}

@Controller('live')
class LiveController {
  @Get()
  live(): string {
    return 'live';
  }
}

@HydraRoute(false)
@Controller('hidden')
class HiddenController {
  @Get()
  hidden(): string {
    return 'hidden';
  }

  @HydraRoute(true)
  @Get('shown')
  shown(): string {
    return 'shown';
  }
}

@Module({ controllers: [FilesController] })
class FilesModule {}

const EXPECTED = [
  '[get]/api/v1/orders',
  '[get]/api/v1/orders/:id',
  '[post]/api/v1/orders/new',
  '[post]/api/v1/orders/fresh',
  '[get]/api/archive/files/*path',
  ...['get', 'post', 'put', 'patch', 'delete', 'options', 'head'].map(
    (verb) => `[${verb}]/api/archive/files/any`,
  ),
  '[get]/api/archive/files/month(/:day)',
  '[get]/live',
  '[get]/api/hidden/shown',
];

async function startShop(service: string, redis: RedisLocation, controllers: Type[]) {
  @Module({
    imports: [
      HydraModule.forRoot({ service, redis, host: '127.0.0.1' }),
      FilesModule,
      RouterModule.register([{ path: 'archive', module: FilesModule }]),
    ],
    controllers,
  })
  class ShopModule {}
  const app = await NestFactory.create(ShopModule, { logger: ['error'], abortOnError: false });
  atEnd(() => app.close());
  app.setGlobalPrefix('api', { exclude: ['live'] });
  app.enableVersioning({ type: VersioningType.URI });
  app.connectMicroservice({ strategy: app.get(HydraServer) });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  return app;
}

describe('the routes of a hybrid application', () => {
  const service = uniqueService('shop');
  let redis: RedisLocation;
  let discovery: DiscoveryService;

  beforeAll(async () => {
    redis = await testRedis();
    discovery = (await startCaller({ service: uniqueService('router'), redis }, [])).app.get(
      DiscoveryService,
    );
    await startShop(service, redis, [OrdersController, LiveController, HiddenController]);
    await discovery.waitFor(service);
    // Another process hears of them.
    await eventually(() => (discovery.routes(service)[service]?.length ?? 0) > 0, { what: 'the routes' });
  });

  it("are published by themselves, in Hydra's form", () => {
    const automatic = [`[get]/${service}`, `[get]/${service}/`, `[get]/${service}/:rest`];
    expect(discovery.routes(service)[service]?.toSorted()).toEqual([...EXPECTED, ...automatic].toSorted());
    expect(discovery.routes()).toMatchObject(discovery.routes(service));
  });

  it.each([
    ['GET', '/api/v1/orders/7', { id: '7' }],
    ['HEAD', '/api/v1/orders', {}],
    ['DELETE', '/api/archive/files/any', {}],
    ['GET', '/api/archive/files/a/b/c', { path: 'a/b/c' }],
    ['GET', '/api/archive/files/month', {}],
    ['GET', '/api/archive/files/month/3', { day: '3' }],
  ])('are what Nest really serves: %s %s', async (method, path, params) => {
    const match = discovery.match(method, path);
    expect(match).toMatchObject({ service, params });
    const [instance] = await eventually(() => match?.instances.filter(({ port }) => port > 0), {
      what: 'the port',
    });
    const { status } = await fetch(`http://127.0.0.1:${instance?.port}${path}`, { method });
    expect(status).toBe(200);
  });

  it('match nothing that is not served', () => {
    expect(discovery.match('POST', '/api/v1/orders/7')).toBeUndefined();
    expect(discovery.match('GET', '/api/v1/orders/internal/state')).toBeUndefined();
    expect(discovery.match('GET', '/api/hidden')).toBeUndefined();
  });

  it('stay when an instance without HTTP joins the service', async () => {
    const before = discovery.routes(service);
    const plain = await startInstance({ service, redis });
    await discovery.waitFor(service, { min: 2 });
    const stored = await plain.redis.run('look', (client) => client.smembers(plain.keys.routes(service)));
    expect(stored.toSorted()).toEqual(before[service]);
    await plain.close();
  });

  it('match no longer when nobody is there to serve them, and change with a new version', async () => {
    const own = uniqueService('brief');
    const app = await startShop(own, redis, [LiveController]);
    await eventually(() => discovery.routes(own)[own]?.includes('[get]/live'), { what: 'the routes' });
    await app.close();
    await eventually(() => !discovery.has(own), { what: 'it to leave' });
    expect(discovery.match('GET', `/${own}/x`)).toBeUndefined();
    await startShop(own, redis, [OrdersController]);
    await eventually(() => discovery.routes(own)[own]?.includes('[get]/api/v1/orders'), {
      what: 'the new routes',
    });
    expect(discovery.routes(own)[own]).not.toContain('[get]/live');
  });
});
