import { setTimeout as sleep } from 'node:timers/promises';

import type { Load, LoadResult } from '../support/load.js';
import type { Run } from '../support/rounds.js';
import { startWorker, type Worker } from '../support/worker.js';

const producerFile = new URL('./producer.ts', import.meta.url);
const consumerFile = new URL('./consumer.ts', import.meta.url);
const BULK = 500;

/** One queue at work: a process that adds, and one that handles for each concurrency. */
export class Contender {
  private constructor(
    readonly name: string,
    readonly producer: Worker,
    readonly args: readonly string[],
  ) {}

  /** @param file a file in `peers/`, without its ending */
  static async start(name: string, file: string, redisUrl: string): Promise<Contender> {
    const args = [file, redisUrl];
    return new Contender(name, await startWorker(producerFile, { args }), args);
  }

  consumer(concurrency: number): Promise<Worker> {
    return startWorker(consumerFile, { args: this.args, env: { BENCH_CONCURRENCY: String(concurrency) } });
  }

  add(load: Load): Promise<LoadResult> {
    return this.producer.ask<LoadResult>('load', load);
  }

  async addBulk(load: Load): Promise<LoadResult> {
    const result = await this.producer.ask<LoadResult>('bulkLoad', load);
    return { ...result, operations: result.operations * BULK };
  }

  /** How long a consumer takes for so many jobs that wait. */
  async handle(consumer: Worker, count: number): Promise<Run> {
    const serverBefore = await consumer.ask<number>('cpu');
    const elapsedMs = await consumer.ask<number>('handle', { count });
    const serverCpuMs = (await consumer.ask<number>('cpu')) - serverBefore;
    await this.untilEmpty();
    return { operations: count, elapsedMs, serverCpuMs };
  }

  fill(count: number): Promise<unknown> {
    return this.producer.ask('fill', { count });
  }

  async stop(): Promise<void> {
    await this.producer.stop();
  }

  private async untilEmpty(): Promise<void> {
    while ((await this.producer.ask<number>('waiting')) > 0) await sleep(5);
  }
}
