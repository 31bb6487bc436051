import type { Context } from '../../redis/context.js';
import type { JobSearch } from '../producer/job-search.js';
import { readJob } from '../model/job-text.js';
import { isUnavailable } from '../watching/job-waiters.js';
import { OpenTicks } from './open-ticks.js';
import { forgetFields } from '../scripts/producer-scripts.js';
import type { QueueKeys } from '../model/queue-keys.js';

const EVERY_MS = 60_000;
/** What one sweep looks at, of either kind. */
const PAGE = 100;
/** A sweep that took long is followed by a rest of so many times as long. */
const PEACE = 50;

/** A field of one of the hashes, and the job that it is of. */
interface Remembered {
  readonly hash: string;
  readonly field: string;
  readonly value: string;
  readonly id: string;
}

/**
 * Forgets state, progress and place of jobs that are there no more: a Hydra 1.x worker that ends a job which was tried here before
 * knows nothing of them. One process sweeps at a time, a page of what is remembered with each sweep.
 */
export class Leftovers {
  private readonly cursors = new Map<string, string>();
  private dueAt: number;
  private isSweeping = false;
  private readonly openTicks: OpenTicks;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock' | 'log'>,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
  ) {
    this.dueAt = context.clock.monotonic() + EVERY_MS;
    this.openTicks = new OpenTicks(context, keys, search);
  }

  /** Never rejects; whoever calls need not wait. */
  async sweepWhenDue(): Promise<void> {
    const { clock, log } = this.context;
    const startedAt = clock.monotonic();
    if (this.isSweeping || startedAt < this.dueAt) return;
    this.isSweeping = true;
    try {
      if (await this.isFirst()) {
        await this.sweep();
        await this.openTicks.sweep();
      }
    } catch (error) {
      if (!isUnavailable(error))
        log.warn(`sweep ${this.keys.state}`, `looking for jobs that are gone: ${String(error)}`);
    }
    this.isSweeping = false;
    const now = clock.monotonic();
    this.dueAt = now + Math.max(EVERY_MS, PEACE * (now - startedAt));
  }

  /** Gives the number of fields that were forgotten. */
  async sweep(): Promise<number> {
    const remembered = [
      ...(await this.page(this.keys.state, (raw) => readJob(raw)?.id)),
      ...(await this.page(this.keys.progress, (id) => id)),
      ...(await this.page(this.keys.hints, (id) => id)),
    ];
    let gone = await this.without(remembered, (ids) => this.search.runningAmong(ids));
    // One on its way from place to place may be missed by one search.
    for (let searches = 0; searches < 2; searches++) {
      gone = await this.without(gone, (ids) => this.search.openAmong(ids));
    }
    const states = await this.forget(gone, this.keys.state);
    const hints = await this.forget(gone, this.keys.hints);
    return states + hints + (await this.forget(gone, this.keys.progress));
  }

  private async isFirst(): Promise<boolean> {
    const set = await this.context.redis.run('queue upkeep', (redis) =>
      redis.set(this.keys.swept, '1', 'PX', EVERY_MS, 'NX'),
    );
    return set !== null;
  }

  private async page(hash: string, idOf: (field: string) => string | undefined): Promise<Remembered[]> {
    const cursor = this.cursors.get(hash) ?? '0';
    const [next, flat] = await this.context.redis.run('queue upkeep', (redis) =>
      redis.hscan(hash, cursor, 'COUNT', PAGE),
    );
    this.cursors.set(hash, next);
    const found: Remembered[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      const [field = '', value = ''] = flat.slice(i, i + 2);
      const id = idOf(field);
      // Without an id a job cannot be looked for.
      if (id) found.push({ hash, field, value, id });
    }
    return found;
  }

  private async without(
    remembered: readonly Remembered[],
    found: (ids: readonly string[]) => Promise<ReadonlySet<string>>,
  ): Promise<readonly Remembered[]> {
    if (remembered.length === 0) return remembered;
    const present = await found([...new Set(remembered.map(({ id }) => id))]);
    return remembered.filter(({ id }) => !present.has(id));
  }

  private async forget(gone: readonly Remembered[], hash: string): Promise<number> {
    const fields = gone.filter((one) => one.hash === hash).flatMap(({ field, value }) => [field, value]);
    if (fields.length === 0) return 0;
    return this.context.redis.run('queue upkeep', (redis) =>
      forgetFields.run(redis, [hash, this.keys.delayed, ...fields]),
    );
  }
}
