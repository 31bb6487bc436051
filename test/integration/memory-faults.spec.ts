import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { DiscoveryService, HydraClient, HydraServer, QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import type { MemoryProcess } from '../../lib/testing/memory-process.js';
import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { appModule, startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

let redis: MemoryRedis;
let ran: string[] = [];

@Controller()
class Work {
  constructor(private readonly instance: HydraInstance) {}

  @MessagePattern('who')
  who(): string {
    return this.instance.id;
  }

  @QueuePattern('job')
  async job(data: string): Promise<void> {
    ran.push(data);
    if (data === 'hangs' && ran.length === 1) await new Promise(() => undefined);
  }
}

beforeEach(() => {
  const used = new MemoryRedis();
  redis = used;
  ran = [];
  atEnd(() => used.close());
});

function start(service: string, process: MemoryProcess) {
  return startService({ service, redis: process as never, drain: { timeoutMs: 100 } }, [Work]);
}

/** Nobody can close it once it is killed. */
async function startVictim(service: string, process: MemoryProcess): Promise<string> {
  const app = await NestFactory.createMicroservice(appModule({ service, redis: process as never }, [Work]), {
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
    logger: ['error'],
  });
  await app.listen();
  return app.get(HydraInstance).id;
}

async function open(from: MemoryRedis | MemoryProcess): Promise<Redis> {
  const client = new Redis(Object.assign({ lazyConnect: true, retryStrategy: () => null }, from) as never);
  client.on('error', () => undefined);
  atEnd(() => client.disconnect());
  await client.connect();
  return client;
}

describe('a process on a Redis in memory', () => {
  it('that is killed ends as by SIGKILL: its jobs come back, and others answer its calls', async () => {
    const service = uniqueService('faults');
    const victim = redis.process();
    const killed = await startVictim(service, victim);
    const caller = await startCaller({ service: uniqueService('caller'), redis }, [service]);
    await caller.app.get(QueueService).add('job', 'hangs', { service });
    await eventually(() => ran.length === 1, { what: 'the job to run' });
    victim.kill();
    const other = await start(service, redis.process());
    await redis.clock.advance('2 min');
    await eventually(() => ran.length === 2, { what: 'the job to run again' });
    const discovery = other.app.get(DiscoveryService);
    await eventually(() => discovery.instances(service).every(({ id }) => id !== killed), {
      what: 'the killed instance to be missed',
    });
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send('who', {}))).toBe(other.id);
  });

  it('that is frozen answers once it goes on', async () => {
    const process = redis.process();
    const client = await open(process);
    process.freeze();
    let answer: unknown;
    void client.ping().then((text) => (answer = text));
    await redis.clock.advance('1 s');
    expect(answer).toBeUndefined();
    process.resume();
    await eventually(() => answer === 'PONG', { what: 'the answer' });
  });

  it('loses its connections when they are cut, and what it sends while they are half open', async () => {
    const process = redis.process();
    const first = await open(process);
    const ended = new Promise((resolve) => first.once('end', resolve));
    process.cut();
    await ended;
    const second = await open(process);
    process.halfOpen();
    void second.set('a', 'lost').catch(() => undefined);
    await redis.clock.advance('1 s');
    process.halfOpen(false);
    expect(await (await open(redis)).get('a')).toBeNull();
  });

  it('hears late when it is delayed', async () => {
    const process = redis.process();
    const client = await open(process);
    process.delay('10 s');
    const startedAt = redis.clock.monotonic();
    let tookMs: number | undefined;
    void client.ping().then(() => (tookMs = redis.clock.monotonic() - startedAt));
    await redis.clock.advance('19 s');
    expect(tookMs).toBeUndefined();
    await redis.clock.advance('2 s');
    expect(Math.round(tookMs! / 1_000)).toBe(20);
  });
});

describe('a Redis in memory', () => {
  it('is emptied, read-only or full when it is told to be', async () => {
    const client = await open(redis);
    await client.set('a', '1');
    await redis.faults.readOnly();
    await expect(client.set('a', '2')).rejects.toThrow(
      "READONLY You can't write against a read only replica.",
    );
    await redis.faults.readOnly(false);
    await redis.faults.full();
    await expect(client.set('a', '2')).rejects.toThrow('OOM command not allowed');
    await redis.faults.full(false);
    expect(await client.get('a')).toBe('1');
    await redis.faults.flushAll();
    expect(await client.get('a')).toBeNull();
  });

  it('runs a command and loses its answer', async () => {
    const client = await open(redis);
    await redis.faults.loseReply('incr');
    await expect(client.incr('a')).rejects.toThrow('Connection is closed.');
    expect(await (await open(redis)).get('a')).toBe('1');
  });

  it.each([
    [true, '1'],
    [false, null],
  ])('starts again, keeping its data: %s', async (keepsData, expected) => {
    const client = await open(redis);
    await client.set('a', '1');
    const runId = (await client.info('server')).match(/run_id:\S+/)?.[0];
    const ended = new Promise((resolve) => client.once('end', resolve));
    await redis.faults.restart({ keepsData });
    await ended;
    const again = await open(redis);
    expect(await again.get('a')).toBe(expected);
    expect(await again.info('server')).not.toContain(runId);
  });

  it('fails over to what a replica had', async () => {
    const client = await open(redis);
    await client.set('a', '1', 'EX', 100);
    const replica = await redis.faults.replica();
    await client.set('a', '2');
    await client.rpush('b', 'x');
    await redis.faults.failover(replica);
    const again = await open(redis);
    expect([await again.get('a'), await again.exists('b')]).toEqual(['1', 0]);
    expect(await again.ttl('a')).toBeGreaterThan(90);
  });

  it('comes back under services that were there before', async () => {
    const service = uniqueService('faults');
    await start(service, redis.process());
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    await firstValueFrom(client.send('who', {}));
    await redis.faults.restart({ keepsData: false });
    await eventually(() => firstValueFrom(client.send('who', {})), {
      what: 'an answer after the restart',
      timeoutMs: 30_000,
    });
  });
});
