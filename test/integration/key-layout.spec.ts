import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

import {
  HydraClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  type HydraOptions,
} from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { startShardingProxy } from '../support/sharding-proxy.js';
import { uniqueService } from '../support/unique.js';

const VALUES = [0, 1, 2, 3, 4];
const heard: unknown[] = [];

@Controller()
class Everything {
  @MessagePattern('count')
  async *count(): AsyncGenerator<number> {
    yield* VALUES;
  }

  @EventPattern('told')
  told(data: unknown): void {
    heard.push(data);
  }

  @QueuePattern('double')
  double(n: number): number {
    return 2 * n;
  }

  @StreamPattern('layout-entries')
  entry(data: unknown): void {
    heard.push(data);
  }
}

let warnings: jest.SpiedFunction<typeof Logger.prototype.warn>;

beforeEach(() => {
  heard.length = 0;
  warnings = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
});

const warned = () => warnings.mock.calls.map(([text]) => String(text)).join('\n');

async function connect(options: HydraOptions): Promise<HydraClient> {
  const client = new HydraClient(options);
  atEnd(() => client.close());
  await client.connect();
  return client;
}

describe('behind an address that several servers share', () => {
  it('everything works with hash tags', async () => {
    const { url } = await startShardingProxy();
    // Several names, for which the servers share the work.
    for (const service of Array.from({ length: 4 }, () => uniqueService('sharded'))) {
      const options: HydraOptions = { service, redis: url, layout: 'hash-tags' };
      const { app } = await startService(options, [Everything]);
      const client = await connect(options);
      await eventually(() => client.instances.length === 1, { what: 'the instance' });
      expect(await lastValueFrom(client.send('count', 0).pipe(toArray()))).toEqual(VALUES);
      await firstValueFrom(client.emit('told', service), { defaultValue: undefined });
      await app.get(StreamService).publish('layout-entries', `entry of ${service}`);
      expect(await app.get(QueueService).add('double', 21).result()).toBe(42);
      const { store } = await openStore(service, {}, { redis: url, layout: 'hash-tags' });
      await store.put('1.0.0', { n: 1 });
      expect(await store.versions()).toEqual([{ version: '1.0.0', revision: 1 }]);
      const isAllHeard = () => heard.includes(service) && heard.includes(`entry of ${service}`);
      await eventually(isAllHeard, { what: 'the event and the entry' });
      const line = ['services', '--json', '--redis', url, '--layout', 'hash-tags'];
      expect((await runInProcess(line)).out).toContain(service);
    }
    expect(warned()).not.toContain('layout');
  }, 60_000);

  it('the classic layout is refused at the start, with what to do', async () => {
    const { url } = await startShardingProxy();
    const options: HydraOptions = { service: uniqueService('sharded'), redis: url };
    await expect(startService(options, [Everything])).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      retryable: false,
      message: expect.stringContaining(
        "several servers share the keys, layout must be 'hash-tags'",
      ) as string,
    });
    await startService({ ...options, layout: 'hash-tags' }, [Everything]);
    const { code, err } = await runInProcess(['services', '--redis', url]);
    expect(code).toBe(5);
    expect(err).toContain('on the command line: --layout hash-tags');
  }, 60_000);
});

describe('on one Redis', () => {
  it('a process is told of services that name their keys in the other layout', async () => {
    // Of a Redis with very many services only some are looked for.
    const { url: redis } = await startPrivateRedis();
    const service = uniqueService('layout');
    const started = await startService({ service, redis, layout: 'hash-tags' }, [Everything]);
    expect(warned()).not.toContain(service);
    await connect({ service: uniqueService('caller'), redis });
    await eventually(() => warned().includes(service), { what: 'the warning' });
    expect(warned()).toContain("layout is 'classic', and instances of");
    await started.close();
    const { code, err } = await runInProcess(['services', '--redis', redis, '--layout', 'tags']);
    expect([code, err]).toEqual([2, expect.stringContaining('"tags" is no layout: classic, hash-tags')]);
  }, 60_000);
});
