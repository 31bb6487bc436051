import 'reflect-metadata';
import { jest } from '@jest/globals';
import { Controller, Injectable, Logger, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import {
  HydraClient,
  HydraModule,
  HydraServer,
  InjectClient,
  QueuePattern,
  StreamPattern,
} from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { connectTo, fakeLegacyInstance, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const QUIET = { logger: false, abortOnError: false } as const;
let redis: string;

beforeAll(async () => {
  redis = await testRedisUrl();
});

const root = () => HydraModule.forRoot({ service: uniqueService('set-up'), redis });

function moduleOf(metadata: ModuleMetadata): Type {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

@Controller()
class Events {
  @EventPattern<string>('created')
  created(): void {}
}

@Injectable()
class TwoClients {
  constructor(
    @InjectClient('math') readonly any: HydraClient,
    @InjectClient('Old-Math') readonly old: HydraClient,
  ) {}
}

describe('an application', () => {
  it('may import forRoot once', async () => {
    const inner = moduleOf({ imports: [root()] });
    const start = NestFactory.createApplicationContext(moduleOf({ imports: [root(), inner] }), QUIET);
    await expect(start).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('imported 2 times in one application'),
    });
  });

  it.each([
    ['clients', { clients: ['math'] }],
    ['configs', { configs: [Events] }],
  ])('is told what is missing where it imports forFeature({ %s }) and no forRoot', async (_, options) => {
    const imports = [HydraModule.forFeature(options)];
    await expect(NestFactory.createApplicationContext(moduleOf({ imports }), QUIET)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('HydraModule.forRoot is not: import forRoot'),
    });
  });

  it('is told what forRoot refuses, whatever clients it has', async () => {
    const broken = HydraModule.forRoot({ service: uniqueService('set-up'), redis, timeoutMs: -1 });
    const imports = [HydraModule.forFeature({ clients: ['math'] }), broken];
    await expect(NestFactory.createApplicationContext(moduleOf({ imports }), QUIET)).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('timeoutMs'),
    });
  });

  it('may import one forRoot in two of its modules', async () => {
    const one = root();
    const inner = moduleOf({ imports: [one] });
    const app = await NestFactory.createApplicationContext(moduleOf({ imports: [one, inner] }), QUIET);
    await app.close();
  });

  it('may connect its HydraServer once', async () => {
    const app = await NestFactory.create(moduleOf({ imports: [root()], controllers: [Events] }), QUIET);
    atEnd(() => app.close());
    const strategy = app.get(HydraServer);
    app.connectMicroservice({ strategy });
    app.connectMicroservice({ strategy });
    await expect(app.startAllMicroservices()).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringContaining('is connected twice'),
    });
  });

  it('gives two clients of one service names of their own', async () => {
    const clients = [{ service: 'math' }, { service: 'math', version: '^1', as: 'old-math' }];
    const imports = [root(), HydraModule.forFeature({ clients })];
    const app = await NestFactory.createApplicationContext(
      moduleOf({ imports, providers: [TwoClients] }),
      QUIET,
    );
    atEnd(() => app.close());
    const { any, old } = app.get(TwoClients);
    expect(any).not.toBe(old);
    expect([any.service, old.service]).toEqual(['math', 'math']);
  });

  it.each([
    [[{ service: 'math' }, { service: 'math', version: '^1' }]],
    [['math', 'Math']],
    [['math', { service: 'sums', as: 'math' }]],
  ])('is refused two clients that @InjectClient could not tell apart: %j', (clients) => {
    expect(() => HydraModule.forFeature({ clients })).toThrow(
      /^\[BAD_OPTION\] two clients .* give one of them "as"/,
    );
  });

  it('is refused a client without a name', () => {
    expect(() => HydraModule.forFeature({ clients: [{ service: 'math', as: '' }] })).toThrow('[BAD_OPTION]');
  });
});

describe('a pattern with a wildcard', () => {
  @Controller()
  class Calls {
    @MessagePattern('orders.*')
    any(): void {}
  }
  @Controller()
  class AllEvents {
    @EventPattern<string>('orders.>')
    all(): void {}
  }
  @Controller()
  class Jobs {
    @QueuePattern('pdf.*')
    any(): void {}
  }

  it.each([Calls, AllEvents, Jobs])('is refused: %p', async (controller) => {
    const start = startService({ service: uniqueService(), redis }, [controller]);
    await expect(start).rejects.toMatchObject({
      code: 'BAD_OPTION',
      message: expect.stringMatching(/the pattern ".*" has a wildcard/),
    });
  });
});

describe('a client without a name', () => {
  it('fails at once where only a Hydra 1.x instance could answer', async () => {
    const service = uniqueService('old');
    const commands = connectTo(redis);
    const old = fakeLegacyInstance(commands, service, 'ab'.repeat(16));
    atEnd(() => Promise.resolve(old.stop()));
    await old.beat();
    const client = new HydraClient({ service, redis, timeoutMs: 60_000 });
    atEnd(() => client.close());
    // Hydra 1.x instances are found by instances of this library, and one is enough.
    await startInstance({ service: uniqueService('bridge'), redis });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    await expect(firstValueFrom(client.send('sum', [1]))).rejects.toMatchObject({
      code: 'BAD_OPTION',
      mayHaveRun: false,
      message: expect.stringContaining('give HydraClient the option name'),
    });
  });
});

describe('handlers that nothing reaches', () => {
  @Controller()
  class Work {
    @QueuePattern('pdf')
    pdf(): void {}

    @StreamPattern('orders')
    order(): void {}

    @MessagePattern('sum')
    sum(): void {}
  }

  it('are warned of once, in an application that connects no HydraServer', async () => {
    expect(await warningsOf((app) => app.init())).toEqual([
      expect.stringContaining('nothing reaches Work.pdf, Work.order: connectMicroservice('),
    ]);
  });

  it('are not warned of where one is connected', async () => {
    const lines = await warningsOf(async (app) => {
      app.connectMicroservice({ strategy: app.get(HydraServer) });
      await app.startAllMicroservices();
      await app.init();
    });
    expect(lines).toEqual([]);
  });

  async function warningsOf(
    start: (app: Awaited<ReturnType<typeof NestFactory.create>>) => Promise<unknown>,
  ): Promise<string[]> {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const app = await NestFactory.create(moduleOf({ imports: [root()], controllers: [Work] }), {
      ...QUIET,
      logger: ['warn'],
    });
    await start(app);
    await app.close();
    const lines = warn.mock.calls.map(([line]) => String(line));
    warn.mockRestore();
    return lines.filter((line) => line.includes('HydraServer'));
  }
});
