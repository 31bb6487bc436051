import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, QueuePattern, QueueService, StreamPattern, StreamService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { startSentinel } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const done = new Set<unknown>();
const stream = uniqueService('kept');

@Controller()
class Worker {
  @MessagePattern('work')
  work(n: number): number {
    return n;
  }

  @QueuePattern('job')
  job(n: unknown): void {
    done.add(n);
  }

  @StreamPattern(stream)
  entry(n: unknown): void {
    done.add(n);
  }
}

const connection = { pingIntervalMs: 500, maxReconnectDelayMs: 500 };

describe('a peer that accepts connections and never answers', () => {
  it('is given up, and found again once it answers', async () => {
    const { url } = await startPrivateRedis();
    const proxy = await startProxy(url);
    const service = uniqueService('swallowed');
    const { app } = await startService({ service, redis: proxy.url, connection }, [Worker]);
    const { redis } = app.get(HydraInstance);
    proxy.swallow(true);
    proxy.sever();
    await eventually(() => !redis.isReady, { what: 'the loss' });
    // Every connection has been taken and left without an answer by now, those that block included.
    await eventually(() => /handshake/.test(redis.reason ?? ''), {
      what: 'the first to be given up',
      timeoutMs: 10_000,
    });
    proxy.swallow(false);
    await eventually(() => redis.isReady, { what: 'the return', timeoutMs: 5_000 });
    const client = new HydraClient({ service, redis: url, timeoutMs: 3_000 });
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send('work', 7))).toBe(7);
    await app.get(QueueService).add('job', 'after');
    await eventually(() => done.has('after'), { what: 'the job', timeoutMs: 10_000 });
  }, 60_000);

  it('is no primary any more when a Sentinel says so, and has nobody left when it wakes', async () => {
    const { primary, replica, sentinels, name } = await startSentinel();
    const redis = { sentinels: [...sentinels], name };
    const { app } = await startService({ service: uniqueService('frozen'), redis, connection }, [Worker]);
    const { redis: connections } = app.get(HydraInstance);
    const streams = app.get(StreamService);
    const queue = app.get(QueueService);
    await streams.publish(stream, 'before');
    await eventually(() => done.has('before'), { what: 'the first entry' });
    await primary.pause();
    await eventually(() => !connections.isReady, { what: 'the loss', timeoutMs: 10_000 });
    await eventually(() => connections.isReady, { what: 'the new primary', timeoutMs: 20_000 });
    await primary.resume();
    const accepted: string[] = [];
    for (let n = 0; n < 50; n++) {
      await streams.publish(stream, `entry ${n}`).then(
        () => accepted.push(`entry ${n}`),
        () => undefined,
      );
      await queue.add('job', `job ${n}`).then(
        () => accepted.push(`job ${n}`),
        () => undefined,
      );
    }
    expect(accepted.length).toBeGreaterThan(50);
    await eventually(() => accepted.every((text) => done.has(text)), {
      what: 'all that was accepted',
      timeoutMs: 20_000,
    });
    const here = async (url: string) =>
      String(await connectTo(url).client('LIST'))
        .split('\n')
        .filter((line) => line.includes('name=hydra:')).length;
    await eventually(async () => (await here(primary.url)) === 0 && (await here(replica.url)) > 0, {
      what: 'everybody to be at the new primary',
      timeoutMs: 10_000,
    });
  }, 90_000);
});
