/**
 * A worker as a process of its own. It tells each start and each end of a handler, before the job is acknowledged, so that
 * whoever listens keeps a ledger that no kill can falsify.
 */
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';

import {
  DiscoveryService,
  HydraJobContext,
  HydraModule,
  HydraServer,
  QueuePattern,
  QueueService,
} from '../../lib/index.js';

const { SERVICE = '', REDIS = '', CONCURRENCY = '5', DRAIN_MS = '10000', REPEAT = '' } = process.env;
const { BLOCKED_MS = '30000', CLOCK_SHIFT_MS = '0', LATER = '' } = process.env;

if (CLOCK_SHIFT_MS !== '0') {
  const realNow = Date.now.bind(Date);
  Date.now = () => realNow() + Number(CLOCK_SHIFT_MS);
}

const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);

@Controller()
class WorkController {
  @QueuePattern('work', { concurrency: Number(CONCURRENCY), attempts: 5, backoff: 10 })
  async work(@Payload() { ms }: { ms: number }, @Ctx() context: HydraJobContext): Promise<string> {
    const { id, attempt, fence } = context;
    say({ started: id, attempt, fence });
    await sleep(ms);
    say({ done: id, attempt, fence, aborted: context.signal.aborted });
    return id;
  }

  /** A part of it is not done again by a later attempt. */
  @QueuePattern('stepwise', { concurrency: Number(CONCURRENCY), attempts: 5, backoff: 10 })
  async stepwise(@Payload() { ms }: { ms: number }, @Ctx() context: HydraJobContext): Promise<string> {
    const { id, attempt, fence } = context;
    say({ started: id, attempt, fence });
    await context.step('first', async () => {
      await sleep(ms / 4);
      say({ stepped: id });
    });
    await sleep(ms - ms / 4);
    say({ done: id, attempt, fence, aborted: context.signal.aborted });
    return id;
  }

  /** The same, asked for with a call. */
  @MessagePattern('work')
  async answer({ ms }: { ms: number }): Promise<string> {
    say({ called: true });
    await sleep(ms);
    return 'answered';
  }

  @QueuePattern('patient', { concurrency: 1 })
  async patient(@Payload() { ms }: { ms: number }, @Ctx() context: HydraJobContext): Promise<void> {
    say({ started: context.id });
    await sleep(ms, undefined, { signal: context.signal });
    say({ done: context.id });
  }

  @QueuePattern('exit', { attempts: 2 })
  exit(@Ctx() context: HydraJobContext): void {
    say({ started: context.id, attempt: context.attempt });
    process.exit(3);
  }

  @QueuePattern('spin', { attempts: 2 })
  spin(@Ctx() context: HydraJobContext): void {
    say({ started: context.id, attempt: context.attempt, pattern: 'spin' });
    for (;;);
  }

  /** Its event loop does nothing else for so long. */
  @QueuePattern('block', { attempts: 3, backoff: 10 })
  block(@Payload() { ms }: { ms: number }, @Ctx() context: HydraJobContext): void {
    say({ started: context.id, attempt: context.attempt });
    for (const until = performance.now() + ms; performance.now() < until;);
    say({ done: context.id });
  }

  @QueuePattern('never', { attempts: 2, timeoutMs: 200, backoff: 10 })
  never(@Ctx() context: HydraJobContext): Promise<void> {
    say({ started: context.id, attempt: context.attempt });
    return new Promise(() => undefined);
  }

  @QueuePattern('throw', { attempts: 3, backoff: 10 })
  throw(@Ctx() context: HydraJobContext): never {
    say({ started: context.id, attempt: context.attempt });
    throw new Error('always');
  }
}

/** A queue of its own, whose workers rest. */
@Controller()
class LaterController {
  @QueuePattern('later', { queue: 'later' })
  later(@Ctx() context: HydraJobContext): void {
    say({ done: context.id });
  }
}

@Module({
  imports: [
    HydraModule.forRoot({
      service: SERVICE,
      redis: REDIS,
      drain: { timeoutMs: Number(DRAIN_MS) },
      queue: { blockedMs: Number(BLOCKED_MS) },
    }),
  ],
  controllers: LATER ? [LaterController] : [WorkController],
})
class WorkerModule {}

const app = await NestFactory.createMicroservice(WorkerModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: false,
});
app.enableShutdownHooks();
await app.listen();
if (REPEAT) await app.get(QueueService).repeat('often', REPEAT, 'work', { ms: 0 });
say({ ready: true, instance: app.get(DiscoveryService).instanceId });
