import type { ResolvedOptions } from '../../hydra-options.js';
import type { Context } from '../../redis/context.js';
import { readDeadLetter } from '../model/dead-letter.js';
import { writeCancelled } from '../model/job-event.js';
import { readJob } from '../model/job-text.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { cancelOne } from '../scripts/cancel-scripts.js';
import type { Cursor, Found, JobSearch } from './job-search.js';
import { KeptOutcomes } from '../watching/kept-outcomes.js';

/**
 * What came of cancelling a job: `'cancelled'`, it waited, was delayed or ran, and ends so; `'ended'`, it was over before;
 * `'foreign'`, a Hydra 1.x worker runs it, which can be told nothing; `'missing'`, there is no such job, it is not
 * remembered, or it was tried again so often that no look found it.
 *
 * @publicApi
 */
export type CancelOutcome = 'cancelled' | 'ended' | 'foreign' | 'missing';

/** The jobs that `cancelWhere` ended. @publicApi */
export interface CancelledJobs {
  /** Their ids; with `dryRun` of those that would end. */
  readonly ids: readonly string[];
  /** There may be more of them: the same again continues. */
  readonly hasMore: boolean;
}

/** What `cancelAll` looks for, and what it has cancelled so far. */
interface Look {
  readonly pattern: string;
  readonly reason: string;
  readonly limit: number;
  readonly isDry: boolean;
  readonly ids: Set<string>;
}

/** How often a job is looked for that may have moved on each time. */
const MAX_TRIES = 5;
/** How often `cancelAll` looks at all places, until two looks in a row have found none. */
const MAX_LOOKS = 10;
/** How often in a row a job must not be found: one that is tried again all the time may move past a search. */
const MAX_MISSES = 3;

/** Cancels the jobs of one queue. */
export class Cancellation {
  private readonly kept: ResolvedOptions['queue']['dead'];
  private readonly outcomes: KeptOutcomes;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'options'>,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
  ) {
    this.kept = context.options.queue.dead;
    this.outcomes = new KeptOutcomes(context.redis, keys);
  }

  async cancel(id: string, reason: string): Promise<CancelOutcome> {
    let misses = 0;
    for (let tries = 0; tries < MAX_TRIES && misses < MAX_MISSES; tries++) {
      const { end, isOlder } = await this.outcomes.of(id);
      if (end && !isOlder) return 'ended';
      const { place, found } = await this.find(id);
      if (!found) misses++;
      else if (place === this.keys.inProgress) return 'foreign';
      else if ((await this.cancelFound(place, found, reason)) === 1) return 'cancelled';
    }
    const { end } = await this.outcomes.of(id);
    return end || (await this.isDead(id)) ? 'ended' : 'missing';
  }

  /** One after the other, until so many are, or two looks at all places have found none. */
  async cancelAll(
    pattern: string,
    reason: string,
    { limit, isDry }: { readonly limit: number; readonly isDry: boolean },
  ): Promise<CancelledJobs> {
    const ids = new Set<string>();
    let empty = 0;
    for (let look = 1; look <= MAX_LOOKS; look++) {
      const before = ids.size;
      const { isFull, moved } = await this.cancelIn({ pattern, reason, limit, isDry, ids });
      if (isFull) return { ids: [...ids], hasMore: true };
      // A job may go from place to place past one look; also past one that only looks.
      empty = ids.size === before && moved === 0 ? empty + 1 : 0;
      if (empty === 2) return { ids: [...ids], hasMore: false };
    }
    return { ids: [...ids], hasMore: true };
  }

  /** One look at all places. Says whether the limit was reached, and how many jobs moved on before they could be cancelled. */
  private async cancelIn({
    pattern,
    reason,
    limit,
    isDry,
    ids,
  }: Look): Promise<{ isFull: boolean; moved: number }> {
    const { waiting, active } = await this.search.places();
    let moved = 0;
    for (const place of [...waiting, this.keys.delayed, ...active]) {
      if (place === this.keys.inProgress) continue;
      for (let at: Cursor = { index: 0 }; at.index >= 0;) {
        const { found, next } = await this.search.part(place, [], at, pattern);
        let gone = 0;
        for (const one of found) {
          const id = readJob(one.raw)?.id ?? '';
          if (isDry && ids.has(id)) continue;
          if (ids.size >= limit) return { isFull: true, moved };
          // Those before it have left the list.
          const seen = { ...one, index: one.index - gone, length: one.length - gone };
          const taken = isDry ? 1 : await this.cancelFound(place, seen, reason);
          if (taken === 1) ids.add(id);
          else moved++;
          if (taken === 1 && !isDry) gone++;
        }
        at = next.index < 0 ? next : { ...next, index: Math.max(0, next.index - gone) };
      }
    }
    return { isFull: false, moved };
  }

  private async find(id: string): Promise<{ place: string; found: Found | undefined }> {
    const located = await this.search.locate(id);
    if (located) return { place: located.place, found: located };
    const { waiting, active } = await this.search.places();
    for (const place of [...waiting, this.keys.delayed, ...active]) {
      const found = await this.search.find(place, id);
      if (found) return { place, found };
    }
    return { place: '', found: undefined };
  }

  private async isDead(id: string): Promise<boolean> {
    const found = await this.search.find(this.keys.incomplete, id);
    return found !== undefined && readDeadLetter(found.raw) !== undefined;
  }

  private cancelFound(place: string, { raw, index, length }: Found, reason: string): Promise<number> {
    const { state, watched, ids, progress, results, died, finished, hints, latest, history, events } =
      this.keys;
    const job = readJob(raw);
    const { id = '' } = job ?? {};
    const leases = this.keys.leases('');
    const owner = place.startsWith(leases) ? place.slice(leases.length) : '';
    const names = [place, state, watched, ids, progress, results, died, finished, hints, latest, history];
    const event = writeCancelled(job, reason).slice(0, -1);
    const told = [this.keys.wakeOf(owner), reason];
    const args = [...names, raw, events, event, index, length, id, this.kept.ageMs, ...told];
    return this.context.redis.run('cancel a job', (redis) => cancelOne.run(redis, args));
  }
}
