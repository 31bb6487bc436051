import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder, HydraServer } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class AnswerController {
  @MessagePattern('answer')
  answer() {
    return 42;
  }
}

function instance(client: HydraClient): HydraInstance {
  return (client as unknown as { instance: HydraInstance }).instance;
}

describe('a callback that throws', () => {
  const service = uniqueService('callbacks');
  let redis: string;
  let servers: TestService[];

  beforeAll(async () => {
    redis = await testRedisUrl();
    servers = await Promise.all([1, 2].map(() => startService({ service, redis }, [AnswerController])));
  });

  afterAll(() => Promise.all(servers.map((server) => server.close())));

  it('as a balancer fails the call with that error, connected or not', async () => {
    const balancer = () => {
      throw new Error('no idea');
    };
    const client = new HydraClient({ service, redis, balancer, timeoutMs: 20_000 });
    await expect(firstValueFrom(client.send('answer', {}))).rejects.toThrow('no idea');
    await expect(firstValueFrom(client.send('answer', {}))).rejects.toThrow('no idea');
    await expect(firstValueFrom(client.emit('answer', {}))).rejects.toThrow('no idea');
    expect(instance(client).calls.inFlight).toBe(0);
    await client.close();
  });

  it('as a listener of the connection keeps nobody else from hearing of it', async () => {
    const client = new HydraClient({ service, redis, timeoutMs: 20_000 });
    let heard = 0;
    client.on('connected', () => {
      throw new Error('no idea');
    });
    client.on('connected', () => heard++);
    expect(await firstValueFrom(client.send('answer', {}))).toBe(42);
    expect(heard).toBe(1);
    await client.close();
  });

  it('as an end hook takes no place from the next call', async () => {
    const busy = uniqueService('hooked');
    const server = await startService({ service: busy, redis, calls: { maxConcurrency: 1 } }, [
      AnswerController,
    ]);
    server.app.get(HydraServer).setOnProcessingEndHook(() => {
      throw new Error('no idea');
    });
    const client = new HydraClient({ service: busy, redis, timeoutMs: 20_000 });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    for (let call = 0; call < 3; call++) expect(await firstValueFrom(client.send('answer', {}))).toBe(42);
    await client.close();
    await server.close();
  });
});

describe('a balancer of the user', () => {
  it('is asked also when one instance is left, and may refuse it', async () => {
    const service = uniqueService('lone');
    const redis = await testRedisUrl();
    const server = await startService({ service, redis }, [AnswerController]);
    const client = new HydraClient({ service, redis, balancer: () => undefined, timeoutMs: 20_000 });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    await expect(firstValueFrom(client.send('answer', {}))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await client.close();
    await server.close();
  });

  it('is not given a key that is no text', () => {
    for (const key of [42, null])
      expect(() => new HydraRecordBuilder({}).setKey(key as never)).toThrow('must be a string');
  });
});

describe('a call that is parked', () => {
  it('is not sent when the failure of the one before it cancels it', async () => {
    const service = uniqueService('parked');
    const redis = await testRedisUrl();
    let ran = 0;
    @Controller()
    class CountController {
      @MessagePattern('count')
      count() {
        return ++ran;
      }
    }
    const server = await startService({ service, redis }, [CountController]);
    const proxy = await startProxy(redis);
    const client = new HydraClient({ service, redis: proxy.url, timeoutMs: 20_000 });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    proxy.freeze();
    proxy.sever();
    await eventually(() => !instance(client).redis.isReady, { what: 'the loss' });
    const failed = new Promise<unknown>((resolve) => {
      client.send('count', { big: 10n }).subscribe({
        error: (error: unknown) => {
          second.unsubscribe();
          resolve(error);
        },
      });
    });
    const second = client.send('count', {}).subscribe();
    proxy.thaw();
    expect(await failed).toMatchObject({ code: 'BAD_PAYLOAD' });
    expect(await firstValueFrom(client.send('count', {}))).toBe(1);
    await client.close();
    await server.close();
  });
});
