import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { createInterface } from 'node:readline';
import { firstValueFrom } from 'rxjs';

import {
  ConfigStore,
  DiscoveryService,
  HydraClient,
  HydraModule,
  HydraServer,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';

/** Listens to every channel that a process can listen to, and says on demand what it can still do. */
const { REDIS_URL = '', SERVICE = '' } = process.env;
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
let entries = 0;

@Controller()
class EveryController {
  @MessagePattern('echo')
  call(data: unknown): unknown {
    return data;
  }

  @QueuePattern('echo')
  job(data: unknown): unknown {
    return data;
  }

  @StreamPattern('letters')
  letter(): void {
    entries++;
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: SERVICE, redis: REDIS_URL })],
  controllers: [EveryController],
})
class EveryModule {}

const app = await NestFactory.createMicroservice(EveryModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
await app.listen();
const [queue, streams] = [app.get(QueueService), app.get(StreamService)];
const client = new HydraClient({ service: SERVICE, redis: REDIS_URL });
let told = 0;
queue.events().subscribe(() => told++);
app.get(DiscoveryService).changes$.subscribe();
app.get(DiscoveryService).watch(SERVICE).subscribe();
app
  .get(ConfigStore)
  .watch()
  .subscribe({ error: () => undefined });
const later = await queue.add('echo', 'later', { delayMs: 3_600_000 });
void later.result({ timeoutMs: 3_600_000 });

createInterface({ input: process.stdin }).on('line', (line) => {
  const answer = async () => {
    await streams.publish('letters', {});
    const call = await firstValueFrom(client.send('echo', 'call'));
    const job = await queue.add('echo', 'job').result({ timeoutMs: 20_000 });
    say({ answer: JSON.parse(line), call, job, told, entries });
  };
  answer().catch((error: unknown) => say({ answer: JSON.parse(line), error: String(error) }));
});
await firstValueFrom(client.send('echo', 1));
say({ ready: true });
