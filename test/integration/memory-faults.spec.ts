import { Controller } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom, lastValueFrom, tap } from 'rxjs';

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

  it('that is frozen holds its timers too, and lets them fire in order afterwards', async () => {
    const process = redis.process();
    const fired: string[] = [];
    process.setTimeout(() => fired.push('second'), 200);
    process.setTimeout(() => fired.push('first'), 100);
    const cleared = process.setTimeout(() => fired.push('cleared'), 300);
    process.freeze();
    await redis.clock.advance('1 s');
    expect(fired).toEqual([]);
    process.clear(cleared);
    process.resume();
    expect(fired).toEqual(['first', 'second']);
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

  it('hears in order when its delay becomes shorter', async () => {
    const process = redis.process();
    const client = await open(process);
    process.delay('10 s');
    const answers: string[] = [];
    void client.incr('a').then((value) => answers.push(`slow ${value}`));
    await redis.clock.advance('1 s');
    process.delay(0);
    void client.incr('a').then((value) => answers.push(`quick ${value}`));
    await redis.clock.advance('30 s');
    expect(answers).toEqual(['slow 1', 'quick 2']);
  });

  it('is killed while it is frozen, and what was held then never happens', async () => {
    const process = redis.process();
    const client = await open(process);
    process.freeze();
    void client.set('a', 'never').catch(() => undefined);
    await redis.clock.advance('1 s');
    process.kill();
    process.resume();
    await redis.clock.advance('1 s');
    expect(await (await open(redis)).get('a')).toBeNull();
  });
});

describe('a process that was killed', () => {
  it('sends nothing any more, and connects no more', async () => {
    const process = redis.process();
    const client = await open(process);
    process.kill();
    await expect(client.set('a', 'never')).rejects.toThrow('Connection is closed');
    const admin = await open(redis);
    let isOpen = false;
    void open(process).then(() => (isOpen = true));
    await redis.clock.advance('1 min');
    expect(isOpen).toBe(false);
    expect(await admin.get('a')).toBeNull();
    expect(String(await admin.client('LIST')).match(/^id=/gm)).toHaveLength(1);
  });

  it('has no timers, and sets none', async () => {
    const process = redis.process();
    const fired: string[] = [];
    process.setTimeout(() => fired.push('timeout'), 10);
    process.setInterval(() => fired.push('interval'), 10);
    const before = redis.clock.timerCount;
    process.kill();
    expect(redis.clock.timerCount).toBe(before - 2);
    process.setTimeout(() => fired.push('later'), 10);
    await redis.clock.advance('1 s');
    expect(fired).toEqual([]);
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

  it('fails over to a replica that is some time behind, whole commands at a time', async () => {
    const client = await open(redis);
    await client.set('a', '1', 'EX', 100);
    const replica = await redis.faults.replica({ behind: '500 ms' });
    await client.multi().set('a', '2').rpush('b', 'x').exec();
    await redis.clock.advance('2 s');
    await client.multi().set('a', '3').rpush('b', 'y').sadd('c', 'z').exec();
    await redis.faults.failover(replica);
    const again = await open(redis);
    expect([await again.get('a'), await again.ttl('a')]).toEqual(['2', -1]);
    expect([await again.lrange('b', 0, -1), await again.exists('c')]).toEqual([['x'], 0]);
  });

  it('forgets in a failover what had come in the last moment, and keeps what was older', async () => {
    const service = uniqueService('faults');
    const paused = await start(service, redis.process());
    const queues = paused.app.get(QueueService);
    await queues.pause();
    const replica = await redis.faults.replica({ behind: '100 ms' });
    await queues.add('job', 'kept');
    await redis.clock.advance('1 s');
    await queues.add('job', 'lost');
    await redis.faults.failover(replica);
    await eventually(async () => (await queues.list('waiting')).length === 1, {
      what: 'the older job alone',
    });
    expect((await queues.list('waiting')).map(({ data }) => data)).toEqual(['kept']);
  });

  it('answers nothing while it is frozen, and everything in order once it resumes', async () => {
    const client = await open(redis);
    await redis.faults.freeze();
    const answers: number[] = [];
    for (let n = 0; n < 3; n++) void client.incr('a').then((value) => answers.push(value));
    await redis.clock.advance('1 s');
    expect(answers).toEqual([]);
    await redis.faults.resume();
    await eventually(() => answers.length === 3, { what: 'the answers' });
    expect(answers).toEqual([1, 2, 3]);
  });

  it('takes its time when it is slow, and keeps the order when it is quick again', async () => {
    const client = await open(redis);
    await redis.faults.slow('5 s');
    const answers: string[] = [];
    void client.incr('a').then((value) => answers.push(`slow ${value}`));
    await redis.clock.advance('4 s');
    expect(answers).toEqual([]);
    await redis.faults.slow(0);
    void client.incr('a').then((value) => answers.push(`quick ${value}`));
    await redis.clock.advance('2 s');
    expect(answers).toEqual(['slow 1', 'quick 2']);
  });

  it.each([
    ['loses', 'loseMessage', ['second']],
    ['repeats', 'repeatMessage', ['first', 'first', 'second']],
  ] as const)('%s a message, and no other', async (_, fault, expected) => {
    const subscriber = await open(redis);
    const heard: string[] = [];
    subscriber.on('message', (_channel: string, text: string) => heard.push(text));
    await subscriber.subscribe('news');
    const client = await open(redis);
    await redis.faults[fault]('new*');
    expect(await client.publish('news', 'first')).toBe(1);
    expect(await client.publish('news', 'second')).toBe(1);
    await eventually(() => heard.includes('second'), { what: 'the second message' });
    expect(heard).toEqual(expected);
  });

  it.each([
    ['loses', 'loseMessage'],
    ['repeats', 'repeatMessage'],
  ] as const)('%s the answer of a call, which its caller gets once for all that', async (_, fault) => {
    const service = uniqueService('faults');
    const { id } = await start(service, redis.process());
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    await firstValueFrom(client.send('who', {}));
    await redis.faults[fault]('*:r');
    const values: string[] = [];
    const answered = lastValueFrom(client.send<string>('who', {}).pipe(tap((value) => values.push(value))));
    answered.catch(() => undefined);
    await redis.clock.advance('10 s');
    // What was lost is lost: its caller is told so long before its deadline.
    if (fault === 'loseMessage') await expect(answered).rejects.toMatchObject({ code: 'REPLY_LOST' });
    else expect(await answered).toBe(id);
    expect(values).toEqual(fault === 'loseMessage' ? [] : [id]);
    expect(await firstValueFrom(client.send('who', {}))).toBe(id);
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
