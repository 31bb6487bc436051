import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import type { EventEmitter } from 'node:events';
import { createInterface } from 'node:readline';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraModule, HydraServer } from '../../lib/index.js';
import type { RedisConnections } from '../../lib/redis/redis-connections.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

/** Calls itself over Redis without a pause, and says at rest who listens to what. */
const { REDIS_URL = '', SERVICE = '' } = process.env;
const warnings: string[] = [];
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`));
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(n: number): number {
    return n;
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS_URL })],
  controllers: [EchoController],
})
class EchoModule {}

const app = await NestFactory.createMicroservice(EchoModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error'],
});
await app.listen();
const client = new HydraClient({ service: SERVICE, redis: REDIS_URL });
client.on('connected', () => undefined);
await client.connect();

let pause = new AbortController();
let answered = 0;
async function keepCalling(until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    await firstValueFrom(client.send('echo', 1)).then(
      () => answered++,
      () => undefined,
    );
    // A call that fails at once must not keep this process from everything else.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
let calling: Promise<unknown> = Promise.resolve();

function listening(emitter: EventEmitter): Readonly<Record<string, number>> {
  const events = emitter.eventNames().map(String).toSorted();
  return Object.fromEntries(events.map((event) => [event, emitter.listenerCount(event)]));
}

function connections({ commands, subscriber }: Pick<RedisConnections, 'commands' | 'subscriber'>) {
  return [commands, subscriber].map((redis) => listening(redis as unknown as EventEmitter));
}

async function report(): Promise<object> {
  pause.abort();
  await calling;
  const [commands, subscriber] = client.unwrap();
  const { redis } = app.get(HydraInstance);
  const states = (redis as unknown as { listeners: Set<unknown> }).listeners.size;
  const listeners = {
    client: connections({ commands, subscriber }),
    server: connections(redis),
    states,
    process: listening(process),
  };
  return { report: listeners, warnings, answered };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  if (line.includes('report')) void report().then(say);
  else {
    pause = new AbortController();
    calling = Promise.all(Array.from({ length: 20 }, () => keepCalling(pause.signal)));
  }
});
say({ ready: true });
