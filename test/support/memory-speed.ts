import 'reflect-metadata';
import { Controller, Logger, Module, type Type } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';

/** The library from its sources, or as it is built. */
export interface Library {
  readonly index: typeof import('../../lib/index.js');
  readonly testing: typeof import('../../lib/testing/testing.js');
  readonly scripts: typeof import('../../lib/streams/scripts/publish-scripts.js');
}

/** Wall and CPU time of one run, in milliseconds, and how many of what it was. */
export interface Measured {
  readonly count: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

const CONCURRENCY = 64;
const HOUR_MS = 3_600_000;

async function timed(count: number, act: () => Promise<unknown>): Promise<Measured> {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return { count, wallMs: performance.now() - startedAt, cpuMs: (user + system) / 1_000 };
}

async function concurrently(count: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

/** What is measured of a Redis in memory, each with the name of its figure. */
export class MemorySpeed {
  constructor(private readonly library: Library) {}

  /** Three services with a handler each, from nothing until all can be called. */
  async start(): Promise<Measured> {
    const modules = ['one', 'two', 'three'].map((service) => this.serviceModule(service));
    let test: Awaited<ReturnType<Library['testing']['HydraTest']['create']>> | undefined;
    const measured = await timed(
      3,
      async () => (test = await this.library.testing.HydraTest.create({ modules })),
    );
    await test!.close();
    return measured;
  }

  /** Jobs that fail and are tried again an hour later, until all have ended. */
  async jobs(count = 1_000): Promise<Measured> {
    const test = await this.library.testing.HydraTest.create({ modules: [this.workerModule()] });
    // A thousand stacks on the terminal are not what is measured.
    Logger.overrideLogger(false);
    const measured = await timed(count, async () => {
      const jobs = Array.from({ length: count }, (_, n) => ({
        pattern: 'job',
        data: n,
        service: 'worker',
      }));
      await test.queues.addBulk(jobs);
      await test.runQueues();
    });
    const runs = test.calls('job').length;
    await test.close();
    if (runs !== 2 * count) throw new Error(`${runs} runs of ${count} jobs`);
    return measured;
  }

  /** Half of them SET, half of them GET. */
  async commands(count = 50_000): Promise<Measured> {
    return this.connected((redis) =>
      timed(count, () =>
        concurrently(count, (n) =>
          n % 2 === 0 ? redis.set(`key ${n % 100}`, 'value') : redis.get(`key ${n % 100}`),
        ),
      ),
    );
  }

  /** One of the library's own scripts: four commands, for an entry of a stream. */
  async scripts(count = 20_000): Promise<Measured> {
    const { publishOnce } = this.library.scripts;
    return this.connected((redis) =>
      timed(count, () =>
        concurrently(count, (n) =>
          publishOnce.run(redis as never, ['stream', `mark ${n}`, 60_000, 1_000, 'data', `{"n":${n}}`]),
        ),
      ),
    );
  }

  private async connected<T>(act: (redis: Redis) => Promise<T>): Promise<T> {
    const memory = new this.library.testing.MemoryRedis();
    const redis = new Redis(Object.assign({ lazyConnect: true }, memory) as never);
    await redis.connect();
    try {
      return await act(redis);
    } finally {
      redis.disconnect();
      await memory.close();
    }
  }

  private serviceModule(service: string): Type {
    @Controller()
    class Handlers {
      @MessagePattern('who')
      who(): string {
        return service;
      }
    }
    @Module({ imports: [this.library.index.HydraModule.forRoot({ service })], controllers: [Handlers] })
    class ServiceModule {}
    return ServiceModule;
  }

  private workerModule(): Type {
    const { HydraModule, QueuePattern } = this.library.index;
    const failed = new Set<unknown>();
    @Controller()
    class Worker {
      @QueuePattern('job', { attempts: 2, concurrency: 10, backoff: { type: 'fixed', delayMs: HOUR_MS } })
      job(n: unknown): void {
        if (failed.has(n)) return;
        failed.add(n);
        throw new Error('not yet');
      }
    }
    @Module({ imports: [HydraModule.forRoot({ service: 'worker' })], controllers: [Worker] })
    class WorkerModule {}
    return WorkerModule;
  }
}
