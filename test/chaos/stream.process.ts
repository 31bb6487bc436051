/** A service that handles a stream, in a process of its own; what it does is written to a ledger in another Redis. */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { Observable } from 'rxjs';

import {
  HydraModule,
  HydraServer,
  StreamPattern,
  type HydraEntryContext,
  type HydraError,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import type { ConsumerSettings, StreamTask } from '../support/stream-ledger.js';

const settings = JSON.parse(process.env['CONSUMER']!) as ConsumerSettings;
const { service, stream, redis, ledger, handler, options } = settings;
const book = new Redis(ledger);
let me = '';

const note = (what: string, { key = '', n = 0 }: StreamTask, attempt: number) =>
  book.xadd('ledger', '*', 'what', what, 'who', me, 'key', key, 'n', n, 'attempt', attempt);

@Controller()
class Consumer {
  @StreamPattern(stream, handler)
  async handle(@Payload() task: StreamTask, @Ctx() context: HydraEntryContext): Promise<void> {
    await note('begin', task, context.attempt);
    if (task.act === 'exit') process.exit(1);
    if (task.act === 'throw' || !('n' in task)) throw new Error('no\n[Hydra] ERROR forged');
    const { signal } = context;
    signal.addEventListener(
      'abort',
      () => void note((signal.reason as HydraError).code, task, context.attempt),
    );
    const first = context.attempt === 1 ? task.firstMs : undefined;
    await sleep(first ?? task.ms ?? Math.random() * 10);
    await note('end', task, context.attempt);
  }

  /** Its Observable completes, and then its teardown throws: in a timer, where nobody can catch it. */
  @StreamPattern(stream, { ...handler, type: 'observable' })
  observe(@Payload() task: StreamTask): Observable<number> {
    return new Observable((subscriber) => {
      setImmediate(() => {
        void note('end', task, 1);
        subscriber.next(1);
        subscriber.complete();
      });
      return () => {
        throw new Error('the teardown fails');
      };
    });
  }
}

@Module({ imports: [HydraModule.forRoot({ service, redis, ...options })], controllers: [Consumer] })
class ConsumerModule {}

const app = await NestFactory.createMicroservice(ConsumerModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
app.enableShutdownHooks();
me = app.get(HydraInstance).id;
await app.listen();
process.stdout.write(`${JSON.stringify({ ready: true, id: me })}\n`);
