/**
 * One instance of `SERVICE` as a process of its own, on the Redis that `environmentFor` says. It says `{"ran": id}` on stdout
 * before it answers a call: what is written to a pipe outlives SIGKILL, so these lines are the ledger of a test.
 */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';

import { DiscoveryService, HydraModule, HydraServer } from '../../lib/index.js';
import { redisOfProcess } from './process-redis.js';

export interface Work {
  readonly id: number;
  /** How long the handler takes. */
  readonly takesMs?: number;
}

export interface Done {
  readonly id: number;
  readonly instance: string;
}

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

@Controller()
class WorkController {
  constructor(private readonly discovery: DiscoveryService) {}

  @MessagePattern('work')
  async work({ id, takesMs = 0 }: Work): Promise<Done> {
    say({ ran: id });
    if (takesMs > 0) await sleep(takesMs);
    return { id, instance: this.discovery.instanceId };
  }

  @EventPattern('happened')
  happened({ id }: Work): void {
    say({ ran: id });
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: process.env['SERVICE'] ?? '', ...redisOfProcess() })],
  controllers: [WorkController],
})
class WorkModule {}

const app = await NestFactory.createMicroservice(WorkModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
say({ started: true });
await app.listen();
say({ ready: true, instance: app.get(DiscoveryService).instanceId });
