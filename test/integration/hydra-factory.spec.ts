import 'reflect-metadata';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { Controller, Get, Injectable, Module, type PipeTransform, type Type } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import {
  DiscoveryService,
  HydraClient,
  HydraFactory,
  HydraModule,
  HydraServer,
  type RedisLocation,
} from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @Get('hello')
  hello(): string {
    return 'hello';
  }
}

@Controller()
class HelloController {
  @Get('hello')
  hello(): string {
    return 'hello';
  }
}

@Injectable()
class Doubled implements PipeTransform {
  transform(numbers: number[]): number[] {
    return [...numbers, ...numbers];
  }
}

const QUIET = { logger: ['error' as const] };
const LOCAL = { ...QUIET, http: { port: 0, host: '127.0.0.1' } };
let redis: RedisLocation;
let service: string;

beforeAll(async () => {
  redis = await testRedis();
});

beforeEach(() => {
  service = uniqueService('sums');
});

function moduleOf(...controllers: Type[]): Type {
  @Module({ imports: [HydraModule.forRoot({ service, redis })], controllers })
  class AppModule {}
  return AppModule;
}

function endingAtEnd<T extends { close(): Promise<unknown> }>(part: T): T {
  atEnd(() => part.close());
  return part;
}

function ask(): Promise<unknown> {
  const client = endingAtEnd(new HydraClient({ service, redis }));
  return firstValueFrom(client.send('sum', [1, 2]));
}

describe('HydraFactory.listen', () => {
  it('starts a service that answers once it resolves', async () => {
    const app = endingAtEnd(await HydraFactory.listen(moduleOf(SumController), QUIET));
    expect(await ask()).toBe(3);
    await app.close();
    await expect(ask()).rejects.toMatchObject({ code: 'NO_INSTANCE' });
  });

  it('starts a service with HTTP, which advertises its port', async () => {
    const app = endingAtEnd(await HydraFactory.listen(moduleOf(SumController), LOCAL));
    expect(await ask()).toBe(3);
    const { port } = app.getHttpServer().address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}/hello`)).text()).toBe('hello');
    const discovery = app.get(DiscoveryService);
    await eventually(() => discovery.instances(service)[0]?.port === port, { what: 'the port' });
    expect(discovery.instances(service)[0]?.host).toBe('127.0.0.1');
  });

  it('lets nobody call an application without handlers', async () => {
    const app = endingAtEnd(await HydraFactory.listen(moduleOf(HelloController), LOCAL));
    const discovery = app.get(DiscoveryService);
    await eventually(() => discovery.instances(service).length === 1, { what: 'itself' });
    await expect(ask()).rejects.toMatchObject({ code: 'NO_INSTANCE' });
  });

  it('has closed what was open where a port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    atEnd(async () => void other.close());
    const { port } = other.address() as AddressInfo;
    const http = { port, host: '127.0.0.1' };
    const start = HydraFactory.listen(moduleOf(SumController), { logger: false, http });
    await expect(start).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await expect(ask()).rejects.toMatchObject({ code: 'NO_INSTANCE' });
  });

  it.each([
    ['HTTP', { ...LOCAL, logger: false as const }],
    ['a service', { logger: false as const }],
  ])('says that forRoot is missing (%s)', async (_, options) => {
    @Module({ controllers: [SumController] })
    class PlainModule {}
    await expect(HydraFactory.listen(PlainModule, options)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('HydraFactory needs HydraModule.forRoot'),
    });
  });

  it('refuses names that it does not know', async () => {
    const http = { port: 0, hots: '127.0.0.1' };
    await expect(HydraFactory.listen(moduleOf(), { ...QUIET, http })).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('did you mean "host"?'),
    });
    const misspelt = { ...QUIET, htp: {} };
    await expect(HydraFactory.listen(moduleOf(), misspelt)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('did you mean "http"?'),
    });
  });

  it.each(['abc', '80.5', -1, 65_536])('refuses what is no port: %p', async (port) => {
    await expect(HydraFactory.listen(moduleOf(), { ...QUIET, http: { port } })).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('HydraFactory.listen.http.port'),
    });
  });
});

describe('HydraFactory.create', () => {
  it.each([
    [false, 3],
    [true, 6],
  ])(
    'leaves time to set the application up; with inheritAppConfig: %s a call gives %i',
    async (inherit, sum) => {
      const options = { ...QUIET, inheritAppConfig: inherit };
      const app = endingAtEnd(await HydraFactory.create(moduleOf(SumController), options));
      app.setGlobalPrefix('api').useGlobalPipes(new Doubled());
      await app.listen(0, '127.0.0.1');
      expect(await ask()).toBe(sum);
      expect(await (await fetch(`${await app.getUrl()}/api/hello`)).text()).toBe('hello');
    },
  );

  it('connects no second server where the application has connected one', async () => {
    const app = endingAtEnd(await HydraFactory.create(moduleOf(SumController), QUIET));
    app.connectMicroservice({ strategy: app.get(HydraServer) });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    expect(await ask()).toBe(3);
  });
});
