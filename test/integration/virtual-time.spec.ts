import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { DiscoveryService, HydraClient, QueuePattern, QueueService } from '../../lib/index.js';
import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const HOUR_MS = 3_600_000;

let redis: MemoryRedis;
const ran: { readonly what: unknown; readonly at: number }[] = [];

@Controller()
class Work {
  @MessagePattern('never')
  never(): Promise<never> {
    return new Promise(() => undefined);
  }

  @QueuePattern('job')
  job(data: unknown): void {
    ran.push({ what: data, at: redis.clock.now() });
  }

  @QueuePattern('hangs')
  hangs(): Promise<never> {
    return new Promise(() => undefined);
  }

  @QueuePattern('twice', { attempts: 3, backoff: { type: 'fixed', delayMs: HOUR_MS } })
  twice(data: unknown): void {
    ran.push({ what: data, at: redis.clock.now() });
    throw new Error('not this time');
  }
}

beforeEach(() => {
  const used = new MemoryRedis({ seed: 1 });
  redis = used;
  ran.length = 0;
  atEnd(() => used.close());
});

async function start(replicas = 1) {
  const service = uniqueService('virtual');
  const started = [];
  for (let n = 0; n < replicas; n++)
    started.push(await startService({ service, redis, drain: { timeoutMs: 100 } }, [Work]));
  return { service, app: started[0]!.app, queues: started[0]!.app.get(QueueService) };
}

/** How many commands Redis is sent while its time is moved. */
async function commandsOf(memory: MemoryRedis, duration: '1 h' | '1 d'): Promise<number> {
  const looking = new Redis(Object.assign({ lazyConnect: true }, memory));
  const count = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await looking.info('stats'))?.[1] ?? NaN);
  const before = await count();
  await memory.clock.advance(duration);
  const spent = (await count()) - before - 1;
  looking.disconnect();
  return spent;
}

function hoursAfter(startedAt: number): readonly (readonly [unknown, number])[] {
  return ran.map(({ what, at }) => [what, Math.round(((at - startedAt) / HOUR_MS) * 10) / 10]);
}

describe('time that is moved forward', () => {
  it('brings delayed jobs and retries in their order', async () => {
    const { queues } = await start();
    const startedAt = redis.clock.now();
    await queues.add('job', 'third', { delayMs: 3 * HOUR_MS });
    await queues.add('job', 'second', { delayMs: 1.5 * HOUR_MS });
    await queues.add('twice', 'retried');
    await redis.clock.advance('4 h');
    expect(hoursAfter(startedAt)).toEqual([
      ['retried', 0],
      ['retried', 1],
      ['second', 1.5],
      ['retried', 2],
      ['third', 3],
    ]);
    expect((await queues.counts()).dead).toBe(1);
  });

  it('goes on by itself until nothing is to come', async () => {
    const { queues } = await start();
    await queues.add('job', 'late', { delayMs: 20 * HOUR_MS });
    const went = await redis.clock.runToIdle();
    expect(ran.map(({ what }) => what)).toEqual(['late']);
    expect(went / HOUR_MS).toBeCloseTo(20, 1);
  });

  it('brings one job a tick of a schedule', async () => {
    const { queues } = await start();
    await queues.repeat('hourly', '0 * * * *', 'job', 'tick');
    await redis.clock.advance('1 d');
    expect(ran).toHaveLength(24);
  });

  it('finds every instance alive, by few heartbeats', async () => {
    const { service, app } = await start(3);
    const left: unknown[] = [];
    app.get(DiscoveryService).changes$.subscribe(({ kind }) => left.push(kind));
    const before = process.cpuUsage();
    await redis.clock.advance('3 h');
    const { user, system } = process.cpuUsage(before);
    // In microseconds: a tenth of that where nothing else runs, and twelve thousand heartbeats would take minutes.
    expect(user + system).toBeLessThan(10_000_000);
    expect(app.get(DiscoveryService).instances(service)).toHaveLength(3);
    expect(left).not.toContain('leave');
  });

  it.each([1, 3])(
    'costs as many commands for a day as for an hour, where nothing is due for %s',
    async (n) => {
      await start(n);
      await redis.clock.advance('1 min');
      const [hour, day] = [await commandsOf(redis, '1 h'), await commandsOf(redis, '1 d')];
      // A heartbeat a second of each would be more than ten thousand.
      expect(hour).toBeLessThan(600);
      expect(day).toBeLessThan(hour * 1.5);
    },
  );

  it('has nothing due where an instance and its client only wait', async () => {
    const { service } = await start();
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    await client.connect();
    for (let hour = 0; hour < 10; hour++) {
      await redis.clock.advance('1 h');
      expect(await redis.clock.runToIdle()).toBe(0);
    }
  });

  it('ends a call by its deadline', async () => {
    const { service } = await start();
    const client = new HydraClient({ service, redis, timeoutMs: HOUR_MS });
    atEnd(() => client.close());
    await client.connect();
    const answer = firstValueFrom(client.send('never', {})).catch((error: { code: string }) => error.code);
    let ended: unknown;
    void answer.then((code) => (ended = code));
    await redis.clock.advance('59 min');
    expect(ended).toBeUndefined();
    await redis.clock.advance('2 min');
    expect(ended).toBe('TIMEOUT');
  });

  it('ends a job that takes too long when its time is over, and not later', async () => {
    const { queues } = await start();
    const startedAt = redis.clock.now();
    await queues.add('hangs', 'hangs', { timeoutMs: HOUR_MS, attempts: 1 });
    await redis.clock.advance('3 h');
    const [dead] = await queues.deadLetters();
    expect(Math.round((dead!.diedAt!.getTime() - startedAt) / 60_000)).toBe(60);
  });

  it('takes the timers of others along', async () => {
    const stretches: number[] = [];
    redis.clock.onAdvance((ms) => stretches.push(ms));
    await redis.clock.advance('1 h');
    expect(stretches.reduce((sum, ms) => sum + ms, 0)).toBe(HOUR_MS);
  });

  it('lets keys end as before after timers of others have failed', async () => {
    const client = new Redis(Object.assign({ lazyConnect: true }, redis));
    atEnd(() => client.disconnect());
    const stop = redis.clock.onAdvance(() => Promise.reject(new Error('not mine')));
    await expect(redis.clock.advance('1 h')).rejects.toThrow('not mine');
    stop();
    await client.set('brief', 'here', 'PX', 20);
    await eventually(async () => (await client.get('brief')) === null, { what: 'the end of the key' });
  });

  it('refuses what is no duration', async () => {
    await expect(redis.clock.advance('3 hours')).rejects.toThrow(
      'a duration is milliseconds or a text such as "10 s" or "3 h" (units: ms, s, min, h, d), got "3 hours"',
    );
  });
});
