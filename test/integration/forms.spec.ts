import { Controller, Inject, Injectable, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, MessagePattern } from '@nestjs/microservices';
import { InvalidMessageException } from '@nestjs/microservices/errors/invalid-message.exception.js';
import type { AddressInfo } from 'node:net';
import { firstValueFrom } from 'rxjs';

import {
  DiscoveryService,
  HydraClient,
  HydraError,
  HydraModule,
  HydraServer,
  InjectClient,
  type HydraOptions,
  type HydraOptionsFactory,
  type RedisLocation,
} from '../../lib/index.js';
import { appModule, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }
}

const quiet = { logger: ['error' as const] };
let redis: RedisLocation;
beforeAll(async () => {
  redis = await testRedis();
});

function refusal(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    return error;
  }
}

function endingAtEnd<T extends { close(): Promise<unknown> }>(part: T): T {
  atEnd(() => part.close());
  return part;
}

async function ask(service: string): Promise<unknown> {
  const client = endingAtEnd(new HydraClient({ service, redis }));
  const answer = await eventually(() => firstValueFrom(client.send('echo', { n: 1 })), { what: 'an answer' });
  await client.close();
  return answer;
}

describe('HydraServer', () => {
  it('is taken from the container', async () => {
    const service = uniqueService('echo');
    const { app } = await startService({ service, redis }, [EchoController]);
    expect(await ask(service)).toEqual({ n: 1 });
    expect(app.get(DiscoveryService).has(service)).toBe(true);
  });

  it('stands alone, without HydraModule', async () => {
    const service = uniqueService('echo');
    @Module({ controllers: [EchoController] })
    class PlainModule {}
    const strategy = new HydraServer({ service, redis });
    const app = endingAtEnd(await NestFactory.createMicroservice(PlainModule, { strategy, ...quiet }));
    await app.listen();
    expect(await ask(service)).toEqual({ n: 1 });
    const [commands] = app.unwrap<[{ ping(): Promise<string> }]>();
    expect(await commands.ping()).toBe('PONG');
    await app.close();
    await expect(commands.ping()).rejects.toThrow(/writeable|closed|isn't ready/);
  });

  it.each(['before', 'after'])('joins an HTTP application (started %s it listens)', async (when) => {
    const service = uniqueService('echo');
    const module = appModule({ service, redis, host: '127.0.0.1' }, [EchoController]);
    const app = endingAtEnd(await NestFactory.create(module, quiet));
    app.connectMicroservice({ strategy: app.get(HydraServer) });
    if (when === 'before') await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    if (when === 'after') await app.startAllMicroservices();
    expect(await ask(service)).toEqual({ n: 1 });

    const { port } = app.getHttpServer().address() as AddressInfo;
    const own = await eventually(
      () =>
        app
          .get(DiscoveryService)
          .instances(service)
          .find((instance) => instance.port === port),
      { what: 'the HTTP port to be advertised' },
    );
    expect(own.host).toBe('127.0.0.1');
    await app.close();
  });

  it('advertises the port it is given rather than the one it listens on', async () => {
    const service = uniqueService('echo');
    const app = endingAtEnd(await NestFactory.create(appModule({ service, redis, port: 8_080 }, []), quiet));
    await app.listen(0, '127.0.0.1');
    const discovery = app.get(DiscoveryService);
    const own = await eventually(() => discovery.instances(service)[0], { what: 'itself' });
    expect(own.port).toBe(8_080);
  });

  it('closes twice as well as once, and calls are then nobody’s', async () => {
    const service = uniqueService('echo');
    const running = await startService({ service, redis }, [EchoController]);
    const server = running.app.get(HydraServer);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    const client = endingAtEnd(new HydraClient({ service, redis }));
    await expect(firstValueFrom(client.send('echo', 1))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await running.close();
  });

  it('tells its state to listeners and to the status stream', async () => {
    const service = uniqueService('echo');
    const server = new HydraServer({ service, redis });
    const heard: string[] = [];
    for (const event of ['connected', 'disconnected'] as const) server.on(event, () => heard.push(event));
    const statuses: string[] = [];
    server.status.subscribe((status) => statuses.push(status));
    await new Promise<void>((resolve, reject) => {
      void server.listen((error) => (error ? reject(error) : resolve()));
    });
    await server.close();
    expect(new Set(heard)).toEqual(new Set(['connected', 'disconnected']));
    expect(statuses.at(0)).toBe('connected');
    expect(statuses.at(-1)).toBe('disconnected');
  });
});

describe('HydraClient', () => {
  const service = uniqueService('echo');
  beforeAll(async () => {
    await startService({ service, redis }, [EchoController]);
  });

  async function inject(module: Type, token: string): Promise<HydraClient> {
    const app = endingAtEnd(await NestFactory.createApplicationContext(module, quiet));
    return app.get<HydraClient>(token, { strict: false });
  }

  it('comes from HydraModule.forFeature, and is injected by the name of its service', async () => {
    @Injectable()
    class Asker {
      constructor(@InjectClient(service) readonly client: HydraClient) {}
    }
    @Module({
      imports: [
        HydraModule.forRoot({ service: uniqueService('asker'), redis }),
        HydraModule.forFeature({ clients: [service] }),
      ],
      providers: [Asker],
    })
    class AskerModule {}
    const app = endingAtEnd(await NestFactory.createApplicationContext(AskerModule, quiet));
    const { client } = app.get(Asker);
    expect(await firstValueFrom(client.send('echo', 'feature'))).toBe('feature');
    expect(client.instances).toHaveLength(1);
  });

  it('comes from ClientsModule as a custom class', async () => {
    @Module({
      imports: [
        ClientsModule.register([{ name: 'ECHO', customClass: HydraClient, options: { service, redis } }]),
      ],
    })
    class ClientModule {}
    const client = await inject(ClientModule, 'ECHO');
    expect(await firstValueFrom(client.send('echo', 'custom'))).toBe('custom');
  });

  it('stands alone, and closes twice as well as once', async () => {
    const client = endingAtEnd(new HydraClient({ service, redis }));
    expect(await firstValueFrom(client.send('echo', 'alone'))).toBe('alone');
    await Promise.all([client.close(), client.close()]);
    await expect(firstValueFrom(client.send('echo', 'late'))).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(client.connect()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('may be closed before it was ever connected', async () => {
    await new HydraClient({ service, redis }).close();
  });

  it('takes names in capitals', async () => {
    const client = endingAtEnd(new HydraClient({ service: service.toUpperCase(), redis }));
    expect(await firstValueFrom(client.send('echo', 'LOUD'))).toBe('LOUD');
  });

  it('refuses what Nest refuses: no pattern, no data', async () => {
    const client = endingAtEnd(new HydraClient({ service, redis }));
    await expect(firstValueFrom(client.send(undefined, 1))).rejects.toBeInstanceOf(InvalidMessageException);
    await expect(firstValueFrom(client.send('echo', undefined))).rejects.toBeInstanceOf(
      InvalidMessageException,
    );
  });
});

describe('HydraModule.forRootAsync', () => {
  const options = (service: string): HydraOptions => ({ service, redis });

  async function registeredAs(service: string, module: Type): Promise<number> {
    const app = endingAtEnd(await NestFactory.createApplicationContext(module, quiet));
    const discovery = app.get(DiscoveryService);
    await eventually(() => discovery.instances(service).length > 0, { what: 'itself' });
    return discovery.instances(service).length;
  }

  it('asks a factory, with what it injects', async () => {
    const service = uniqueService('async');
    @Module({ providers: [{ provide: 'NAME', useValue: service }], exports: ['NAME'] })
    class NameModule {}
    @Module({
      imports: [
        HydraModule.forRootAsync({
          imports: [NameModule],
          inject: ['NAME'],
          useFactory: async (name: string) => options(name),
        }),
      ],
    })
    class AppModule {}
    expect(await registeredAs(service, AppModule)).toBe(1);
  });

  it('asks a class that it makes', async () => {
    const service = uniqueService('async');
    @Injectable()
    class Settings implements HydraOptionsFactory {
      createHydraOptions = () => options(service);
    }
    @Module({ imports: [HydraModule.forRootAsync({ useClass: Settings })] })
    class AppModule {}
    expect(await registeredAs(service, AppModule)).toBe(1);
  });

  it('asks a provider that exists, with providers beside it', async () => {
    const service = uniqueService('async');
    @Injectable()
    class Settings implements HydraOptionsFactory {
      constructor(@Inject('NAME') private readonly name: string) {}
      createHydraOptions(): HydraOptions {
        return options(this.name);
      }
    }
    @Module({ providers: [Settings, { provide: 'NAME', useValue: service }], exports: [Settings] })
    class SettingsModule {}
    @Module({ imports: [HydraModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings })] })
    class AppModule {}
    expect(await registeredAs(service, AppModule)).toBe(1);
  });

  it('must be told where the options come from', () => {
    const error = refusal(() => HydraModule.forRootAsync({ extraProviders: [] }));
    expect(error).toBeInstanceOf(HydraError);
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    expect((error as Error).message).toMatch(/useFactory, useClass or useExisting, got extraProviders$/);
  });

  it('says what is wrong with the options', async () => {
    @Module({ imports: [HydraModule.forRootAsync({ useFactory: () => options('a:b') })] })
    class AppModule {}
    const starting = NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
    await expect(starting).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});
