import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { setTimeout as delay } from 'node:timers/promises';

import { QueuePattern, StreamPattern, type HydraJobContext } from '../../../lib/index.js';

/** What has run, by its kind. */
export const seen = { jobs: 0, ticks: 0, failures: 0, holding: 0, entries: 0, poison: 0 };

/** A handler of each kind. */
@Controller()
export class Everything {
  @MessagePattern('sum')
  sum([a, b]: [number, number]): number {
    return a + b;
  }

  @QueuePattern('job')
  job(): string {
    seen.jobs++;
    return 'done';
  }

  @QueuePattern('tick')
  tick(): void {
    seen.ticks++;
  }

  @QueuePattern('noted')
  async noted(@Ctx() context: HydraJobContext): Promise<unknown> {
    await context.progress({ percent: 50 });
    await context.log('half way');
    return context.step('first', () => 'kept');
  }

  /** Runs until it is cancelled. */
  @QueuePattern('holding')
  async holding(@Ctx() context: HydraJobContext): Promise<void> {
    seen.holding++;
    await delay(60_000, undefined, { signal: context.signal }).catch(() => undefined);
  }

  @QueuePattern('failing')
  failing(): void {
    seen.failures++;
    throw new Error('fails');
  }

  @StreamPattern('events')
  entry(): void {
    seen.entries++;
  }

  @StreamPattern('ordered', { orderBy: 'key' })
  ordered(): void {
    seen.entries++;
  }

  @StreamPattern('poison', { attempts: 1 })
  poison(): void {
    seen.poison++;
    throw new Error('fails');
  }
}
