import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from '../support/ioredis.js';
import type { LoadResult } from '../support/load.js';
import type { BenchOptions } from '../support/options.js';
import type { Report } from '../support/report.js';
import { compare, type Contestant } from '../support/rounds.js';
import { startWorker } from '../support/worker.js';
import type { Contender } from './contender.js';
import type { Rest } from './peer.js';

const RIVALS = ['BullMQ'];
const QUEUES = 100;
const idlerFile = new URL('./idler.ts', import.meta.url);

/** What users of a queue do beside adding and handling, beside BullMQ. */
export class DailyUse {
  private readonly redis: InstanceType<typeof Redis>;

  constructor(
    private readonly options: BenchOptions,
    private readonly report: Report,
    private readonly contenders: readonly Contender[],
  ) {
    this.redis = new Redis(options.redisUrl);
  }

  /** Priorities, delays, and looking at and removing one of many that wait. */
  async daily(): Promise<void> {
    const { runMs, isQuick } = this.options;
    const load = { concurrency: 50, durationMs: runMs };
    await this.compared('add with a priority, 50 at once', (contender) =>
      contender.producer.ask<LoadResult>('priorityLoad', load),
    );
    await this.compared('add delayed, 50 at once', (contender) =>
      contender.producer.ask<LoadResult>('delayedLoad', load),
    );
    const waiting = isQuick ? 10_000 : 100_000;
    const fill = (contender: Contender) => contender.producer.ask('fillKnown', { count: waiting });
    await this.compared(
      `get one of ${waiting} that wait, 50 at once`,
      (contender) => contender.producer.ask<LoadResult>('getLoad', load),
      fill,
    );
    const count = isQuick ? 1_000 : 5_000;
    await this.compared(
      `remove ${count} of ${waiting} that wait, 50 at once`,
      async (contender) => {
        const elapsedMs = await contender.producer.ask<number>('removeKnown', { count, concurrency: 50 });
        return { operations: count, elapsedMs };
      },
      fill,
    );
  }

  /** Handling while somebody listens to the events. */
  async events(): Promise<void> {
    const count = this.options.isQuick ? 5_000 : 20_000;
    for (const isDurable of [false, true]) {
      // Not later: it would take away from listeners what says that they listen.
      await this.redis.flushall();
      const heard = this.contenders.map(async (contender) => {
        const consumer = await contender.consumer(50);
        await consumer.ask('listen', { isDurable });
        return [contender.name, consumer] as const;
      });
      const consumers = new Map(await Promise.all(heard));
      const run = async (contender: Contender) => {
        const consumer = consumers.get(contender.name)!;
        const before = await consumer.ask<number>('heard');
        const handled = await contender.handle(consumer, count);
        while ((await consumer.ask<number>('heard')) < before + count) await sleep(5);
        return handled;
      };
      const what = isDurable ? 'kept' : 'told';
      await this.compared(`handle ${count} no-op jobs, their events ${what}`, run, (contender) =>
        contender.fill(count),
      );
      await Promise.all([...consumers.values()].map((consumer) => consumer.stop()));
    }
  }

  /** A hundred queues of one process, with nothing to do. */
  async idle(): Promise<void> {
    for (const rest of ['nothing', 'a delayed job'] satisfies Rest[]) {
      const facts = [];
      for (const { name, args } of this.contenders) {
        await this.redis.flushall();
        const idler = await startWorker(idlerFile, { args });
        await idler.ask('idle', { queues: QUEUES, rest });
        await sleep(5_000);
        const forMs = this.options.isQuick ? 5_000 : 20_000;
        const before = [await this.commands(), await idler.ask<number>('cpu')] as const;
        await sleep(forMs);
        const after = [await this.commands(), await idler.ask<number>('cpu')] as const;
        const [commands, cpuMs] = [after[0] - before[0] - 1, after[1] - before[1]];
        facts.push({
          queue: name,
          'Redis commands per s': Math.round((commands / forMs) * 1_000),
          'CPU ms per s': ((cpuMs / forMs) * 1_000).toFixed(1),
        });
        await idler.stop();
      }
      this.report.facts(`${QUEUES} queues of one process at rest, in each ${rest}`, facts);
    }
    await this.redis.flushall();
  }

  close(): void {
    this.redis.disconnect();
  }

  private async compared(
    title: string,
    run: (contender: Contender) => ReturnType<Contestant['run']>,
    prepare?: (contender: Contender) => Promise<unknown>,
  ): Promise<void> {
    const contestants = this.contenders.map((contender): Contestant => ({
      name: contender.name,
      ...(prepare && { prepare: () => prepare(contender) }),
      run: async () => {
        const result = await run(contender);
        if (!prepare) await this.redis.flushall();
        return result;
      },
    }));
    const { redisUrl, rounds } = this.options;
    this.report.compared(title, await compare(contestants, { redisUrl, rounds }), RIVALS);
    await this.redis.flushall();
  }

  private async commands(): Promise<number> {
    const stats = await this.redis.info('commandstats');
    return [...stats.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
  }
}
