import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraContext, HydraModule, HydraServer, type RedisLocation } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

/** A service in a process of its own, which remembers how often it ran each call. */
const executions = new Map<number, number>();
let events = 0;
const { REDIS_URL = '', SERVICE = '', DELAY_MS = '0', PRESENCE_TTL_MS = '3000' } = process.env;
/** A URL, or the JSON of ioredis' own options. */
const location = (REDIS_URL.startsWith('{') ? JSON.parse(REDIS_URL) : REDIS_URL) as RedisLocation;

@Controller()
class EchoController {
  @MessagePattern('echo')
  async echo(n: number): Promise<number> {
    executions.set(n, (executions.get(n) ?? 0) + 1);
    if (DELAY_MS !== '0') await sleep(Number(DELAY_MS));
    return n;
  }

  @MessagePattern('hang')
  hang(@Payload() _data: unknown, @Ctx() { signal }: HydraContext): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        process.stdout.write(`${JSON.stringify({ aborted: String(signal.reason) })}\n`);
        reject(signal.reason as Error);
      });
    });
  }

  @EventPattern<string>('noted')
  noted(): void {
    events++;
  }

  @MessagePattern('report')
  report(): { calls: number; twice: number; events: number } {
    const twice = [...executions.values()].filter((count) => count > 1).length;
    return { calls: executions.size, twice, events };
  }
}

@Module({
  imports: [
    HydraModule.forRoot({
      service: SERVICE,
      redis: location,
      connection: { pingIntervalMs: 500 },
      presence: { ttlMs: Number(PRESENCE_TTL_MS) },
    }),
  ],
  controllers: [EchoController],
})
class EchoModule {}

const app = await NestFactory.createMicroservice(EchoModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
await app.listen();
process.stdout.write(`${JSON.stringify({ ready: true, id: app.get(HydraInstance).id })}\n`);
