import 'reflect-metadata';
import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { HydraHealthIndicator, QueuePattern, QueueService } from '../../lib/index.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller, startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const PATIENCE = { timeoutMs: 30_000 };

@Controller()
class EchoController {
  @QueuePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }
}

describe('a worker that cannot read its queue', () => {
  let proxy: Proxy;
  let worker: TestService;
  let queue: QueueService;
  let service: string;

  beforeAll(async () => {
    const redis = await startPrivateRedis();
    proxy = await startProxy(redis.url);
    service = uniqueService('readiness');
    worker = await startService({ service, redis: proxy.url }, [EchoController]);
    const { app } = await startCaller({ service: uniqueService('producer'), redis: redis.url }, []);
    queue = app.get(QueueService);
  }, 60_000);
  afterAll(() => proxy.sever());

  const health = async () => (await worker.app.get(HydraHealthIndicator).isHealthy()).hydra;
  const reasons = async () => (await health()).reasons?.join('; ') ?? '';

  async function untilSaid(reason: RegExp): Promise<void> {
    await eventually(async () => reason.test(await reasons()), { what: `readiness: ${reason}`, ...PATIENCE });
    expect((await health()).status).toBe('down');
  }

  async function untilConsuming(): Promise<void> {
    const job = await queue.add('echo', 'again', { service });
    expect(await job.result(PATIENCE)).toBe('again');
    await eventually(async () => (await health()).status === 'up', { what: 'readiness', ...PATIENCE });
  }

  it('is ready while it can', untilConsuming);

  it('is not ready behind a link that is dead without a word, and goes on once that lives', async () => {
    proxy.freeze();
    // The watchdog of the connection notices first, that of the loop after five seconds.
    await untilSaid(/queue "default" has not been read for \d+ ms: .*REDIS_UNAVAILABLE/);
    proxy.sever();
    proxy.thaw();
    await untilConsuming();
  }, 90_000);

  it('is not ready, and says why, while Redis answers everything but its queue', async () => {
    const { redis, keys } = worker.app.get(HydraInstance);
    const { waiting } = createQueueKeys(keys, service);
    await redis.commands.set(waiting, 'not a list');
    await untilSaid(/queue "default" has not been read for \d+ ms: .*WRONGTYPE/);
    await redis.commands.del(waiting);
    await untilConsuming();
  }, 90_000);
});
