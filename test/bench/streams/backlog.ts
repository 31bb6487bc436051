import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from '../support/ioredis.js';
import { mustBeEachOnce } from '../support/load.js';
import type { Run } from '../support/rounds.js';
import { startWorker, type Worker } from '../support/worker.js';
import { peerNamed, readingOf, type Peer } from './peer.js';

const workerFile = new URL('./worker.ts', import.meta.url);
/** As many as one script stores without keeping Redis from others for long. */
const CHUNK = 10_000;
const FILL = `
for id = ARGV[1] + 0, ARGV[2] + 0 do
  local fields = {}
  for at = 4, #ARGV do
    fields[at - 3] = ARGV[at] == '%s' and string.gsub(ARGV[3], '"id":0', '"id":' .. string.format('%d', id), 1) or ARGV[at]
  end
  redis.call('XADD', KEYS[1], '*', unpack(fields))
end`;

/** Consumers of one peer, and a stream that fills up before their eyes. */
export class Consumers {
  private readonly redis: InstanceType<typeof Redis>;

  private constructor(
    private readonly peer: Peer,
    private readonly workers: readonly Worker[],
    redisUrl: string,
  ) {
    this.redis = new Redis(redisUrl);
  }

  static async start(file: string, count: number, redisUrl: string): Promise<Consumers> {
    const args = [file, 'consumer', redisUrl];
    const workers = await Promise.all(Array.from({ length: count }, () => startWorker(workerFile, { args })));
    return new Consumers(await peerNamed(file), workers, redisUrl);
  }

  /** Stores so many entries at once and waits until each was handled exactly once. */
  async catchUp(entries: number): Promise<Run> {
    const before = await this.sum('cpu');
    const startedAt = performance.now();
    for (let id = 1; id <= entries; id += CHUNK) await this.fill(id, Math.min(entries, id + CHUNK - 1));
    while ((await this.sum('count')) < entries) await sleep(2);
    const elapsedMs = performance.now() - startedAt;
    await this.acknowledged();
    const seen = (await Promise.all(this.workers.map((worker) => worker.ask<number[]>('seen')))).flat();
    mustBeEachOnce(seen, entries);
    const serverCpuMs = (await this.sum('cpu')) - before;
    await this.reset();
    return { operations: entries, elapsedMs, serverCpuMs };
  }

  async delays(
    publisher: Worker,
    count: number,
  ): Promise<{ readonly p50Ms: number; readonly p99Ms: number }> {
    await publisher.ask('trickle', { count, everyMs: 5 });
    while ((await this.sum('count')) < count) await sleep(5);
    const delays = await this.workers[0]!.ask<{ p50Ms: number; p99Ms: number }>('delays');
    await this.reset();
    return delays;
  }

  async reset(): Promise<void> {
    await this.acknowledged();
    await Promise.all(this.workers.map((worker) => worker.ask('forget')));
    await this.redis.xtrim(this.peer.key, 'MAXLEN', 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop()));
    this.redis.disconnect();
  }

  private async fill(from: number, to: number): Promise<void> {
    const template = JSON.stringify(readingOf(0));
    await this.redis.eval(FILL, 1, this.peer.key, from, to, template, ...this.peer.fields);
  }

  private async acknowledged(): Promise<void> {
    const pending = async () => ((await this.redis.xpending(this.peer.key, this.peer.group)) as [number])[0];
    while ((await pending()) > 0) await sleep(2);
  }

  private async sum(command: string): Promise<number> {
    const answers = await Promise.all(this.workers.map((worker) => worker.ask<number>(command)));
    return answers.reduce((total, one) => total + one, 0);
  }
}

export const startPublisher = (file: string, redisUrl: string): Promise<Worker> =>
  startWorker(workerFile, { args: [file, 'publisher', redisUrl] });
