import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';

import { Redis } from '../../support/ioredis.js';
import { HydraModule, HydraServer, QueuePattern, QueueService } from '../../support/hydra.js';
import type { JobData, Peer } from '../peer.js';

const SERVICE = process.env['BENCH_SERVICE'] ?? 'bench-jobs';

const module = (redisUrl: string, controllers: Type[]): Type => {
  const options = {
    service: SERVICE,
    redis: redisUrl,
    queue: { concurrency: Number(process.env['BENCH_CONCURRENCY'] ?? 1) },
  };
  @Module({ imports: [HydraModule.forRoot(options)], controllers })
  class BenchModule {}
  return BenchModule;
};

export const peer: Peer = {
  async produce(redisUrl) {
    const app = await NestFactory.createApplicationContext(module(redisUrl, []), { logger: ['error'] });
    const queue = app.get(QueueService);
    return {
      add: (data) => queue.add('work', data),
      addBulk: (jobs) => queue.addBulk(jobs.map((data) => ({ pattern: 'work', data }))),
      waiting: async () => (await queue.counts()).waiting,
      daily: {
        addPlain: async (data) => (await queue.add('work', data)).id,
        addWithPriority: (data) => queue.add('work', data, { priority: ((data.id % 3) + 1) as 1 }),
        addDelayed: (data) => queue.add('work', data, { delayMs: 60_000 }),
        get: async (id) => (await queue.get(id)) !== undefined,
        remove: (id) => queue.remove(id),
      },
    };
  },
  async consume(redisUrl, _concurrency, handle) {
    @Controller()
    class WorkController {
      @QueuePattern('work')
      work(@Payload() data: JobData): void {
        handle(data);
      }
    }
    const app = await NestFactory.createMicroservice(module(redisUrl, [WorkController]), {
      inject: [HydraServer],
      useFactory: (strategy: InstanceType<typeof HydraServer>) => ({ strategy }),
      logger: ['error'],
    });
    const queue = app.get(QueueService);
    await queue.pause();
    await app.listen();
    return { resume: () => queue.resume(), pause: () => queue.pause() };
  },
  async listen(redisUrl, heard, isDurable) {
    const app = await NestFactory.createApplicationContext(module(redisUrl, []), { logger: ['error'] });
    const queue = app.get(QueueService);
    const hear = ({ type }: { readonly type: string }) => {
      if (type === 'completed') heard();
    };
    if (isDurable) queue.events({ durable: true }).subscribe(hear);
    else queue.events().subscribe(hear);
    const redis = new Redis(redisUrl);
    const key = `hydra:service:${SERVICE}:queue:default:${isDurable ? 'history' : 'watched'}`;
    while ((await redis.exists(key)) === 0) await sleep(10);
    redis.disconnect();
  },
  async idle(redisUrl, queues, rest) {
    const names = Array.from({ length: queues }, (_, n) => `idle-${n}`);
    const controllers = names.map((name) => {
      @Controller()
      class IdleController {
        @QueuePattern(name, { queue: name })
        work(): void {}
      }
      return IdleController;
    });
    const app = await NestFactory.createMicroservice(module(redisUrl, controllers), {
      inject: [HydraServer],
      useFactory: (strategy: InstanceType<typeof HydraServer>) => ({ strategy }),
      logger: ['error'],
    });
    await app.listen();
    const queue = app.get(QueueService);
    for (const name of names) while ((await queue.counts({ queue: name })).workers === 0) await sleep(10);
    if (rest === 'nothing') return;
    for (const name of names) await queue.add(name, 1, { queue: name, delayMs: 3_600_000 });
  },
};
