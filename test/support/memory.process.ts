import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraModule, HydraServer } from '../../lib/index.js';

/** A caller and the service it calls, and the memory that both of them use. */
const { REDIS_URL = '', SERVICE = '' } = process.env;
const WARM_UP = 30_000;
const IN_A_ROW = 100_000;
const AT_ONCE = 64;
const IN_FLIGHT = 10_000;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const held: (() => void)[] = [];

@Controller()
class MemoryController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.reduce((total, number) => total + number, 0);
  }

  @MessagePattern('hold')
  hold(n: number): Promise<number> {
    return new Promise((resolve) => held.push(() => resolve(n)));
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS_URL })],
  controllers: [MemoryController],
})
class MemoryModule {}

const app = await NestFactory.createMicroservice(MemoryModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error'],
});
await app.listen();
const client = new HydraClient({ service: SERVICE, redis: REDIS_URL, timeoutMs: 600_000 });
await client.connect();

async function callInARow(count: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await firstValueFrom(client.send('sum', [1, 2, 3, 4, 5]));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Heap and buffers in megabytes, once what is not needed has been collected. */
async function memoryMb(): Promise<number> {
  for (let times = 0; times < 3; times++) {
    await sleep(50);
    collect();
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

await callInARow(WARM_UP);
const before = await memoryMb();
await callInARow(IN_A_ROW);
const leftMb = (await memoryMb()) - before;

const calls = Promise.all(
  Array.from({ length: IN_FLIGHT }, (_, n) => firstValueFrom(client.send('hold', n))),
);
while (held.length < IN_FLIGHT) await sleep(10);
const heldMb = (await memoryMb()) - before - leftMb;
for (const end of held) end();
await calls;

process.stdout.write(`${JSON.stringify({ ready: true, leftMb, heldMb })}\n`);
