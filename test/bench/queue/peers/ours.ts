import 'reflect-metadata';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';

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
};
