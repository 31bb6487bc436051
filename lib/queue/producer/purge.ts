import { HydraError } from '../../hydra-error.js';
import { integer } from '../../hydra-options.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { asideNames, type QueueKeys } from '../model/queue-keys.js';
import { readDeadLetter } from '../model/dead-letter.js';
import { failureGroup } from '../failures/failure-group.js';
import { readJob } from '../model/job-text.js';
import { drainSome, obliterateAll } from '../scripts/purge-scripts.js';
import type { Look } from './job-finder.js';
import { resolveFilter, type BulkOptions, type DeadJobFilter } from './job-filter.js';
import type { JobInspector } from './job-inspector.js';
import type { Cursor } from './job-search.js';
import { completedView, type JobCounts, type JobStateName } from './job-view.js';

/** Options of `drain`. @publicApi */
export interface DrainQueueOptions extends BulkOptions {
  /** True: the delayed ones too, those that wait for their next attempt among them. @defaultValue false */
  readonly delayed?: boolean;
}

/** Options of `clean`. @publicApi */
export interface CleanOptions extends BulkOptions, Pick<DeadJobFilter, 'pattern' | 'text' | 'reason'> {
  /** Those that were added, or completed and dead ones that ended, so long ago, in milliseconds. @defaultValue 0 */
  readonly olderThanMs?: number;
  /** How many at most. @defaultValue 1000 */
  readonly limit?: number;
}

/** What `clean` removed. @publicApi */
export interface CleanedJobs {
  /** The ids; with `dryRun` of those that would go. */
  readonly ids: readonly string[];
  /** There are more of them than `limit`: the same again continues. */
  readonly hasMore: boolean;
}

/** Options of `obliterate`. @publicApi */
export interface ObliterateOptions extends Pick<BulkOptions, 'dryRun'> {
  /** True: also while jobs run, whose outcomes are refused then. @defaultValue false */
  readonly force?: boolean;
}

/** More than one step looks at: all that it finds. */
const STRIDE = 1_000;
/** Jobs that one step takes out. */
const STEP = 250;

/** Removes many jobs of one queue, in bounded steps. */
export class Purge {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly inspector: JobInspector,
  ) {}

  /** Those that come meanwhile may go too: no more are taken out of a place than were there. */
  async drain({ delayed = false, dryRun = false, onProgress }: DrainQueueOptions): Promise<number> {
    if (dryRun) {
      const counts = await this.inspector.counts();
      return counts.waiting + (delayed ? counts.delayed : 0);
    }
    const { waiting } = await this.inspector.search.places();
    let done = 0;
    for (const place of delayed ? [...waiting, this.keys.delayed] : waiting) {
      let left = await this.sizeOf(place);
      while (left > 0) {
        const taken = await this.drainSome(place, Math.min(STEP, left));
        if (taken === 0) break;
        left -= taken;
        done += taken;
        onProgress?.(done);
      }
    }
    return done;
  }

  async clean(state: JobStateName, options: CleanOptions): Promise<CleanedJobs> {
    const { olderThanMs = 0, limit = 1_000, dryRun = false, onProgress, pattern, text, reason } = options;
    integer('limit', limit, 1);
    integer('olderThanMs', olderThanMs, 0);
    if (state === 'active')
      throw new HydraError('BAD_OPTION', 'jobs that run are not cleaned: cancel ends them');
    if (reason !== undefined && state !== 'dead')
      throw new HydraError('BAD_OPTION', `only dead jobs have a reason, and ${state} ones are cleaned`);
    const [seconds] = await this.redis.run('clean', (redis) => redis.time());
    const until = new Date(Number(seconds) * 1_000 + 999 - olderThanMs);
    const filter = resolveFilter({
      until,
      ...(pattern !== undefined && { pattern }),
      ...(text !== undefined && { text }),
    });
    const ids: string[] = [];
    for (const place of await this.inspector.finder.placesOf(state)) {
      for (let from: Cursor = { index: 0 }; from.index >= 0;) {
        const done = ids.length;
        const look = { state, place, filter, from };
        const { isFull, next } = await this.cleanSome(look, ids, { limit, dryRun, reason });
        if (!dryRun && ids.length > done) onProgress?.(ids.length);
        if (isFull) return { ids, hasMore: true };
        from = next;
      }
    }
    return { ids, hasMore: false };
  }

  /** One step of that: whether there are more than `limit`, and where to continue. */
  private async cleanSome(
    look: Look,
    ids: string[],
    { limit, dryRun, reason }: CleaningLimits,
  ): Promise<{ readonly isFull: boolean; readonly next: Cursor }> {
    const { state, place } = look;
    const { found, next } = await this.inspector.finder.part(look, STRIDE);
    let gone = 0;
    let again: number | undefined;
    for (const { raw, index, length } of found) {
      const id = idOf(state, raw);
      // What is no message, or no outcome, has no name by which anybody could ask for it.
      if (!id || (reason !== undefined && groupOf(raw) !== reason)) continue;
      if (ids.length >= limit) return { isFull: true, next };
      // Those that were taken out before it have left the list.
      const where = { raw, index: index - gone, length: length - gone };
      const done = dryRun ? 1 : await this.inspector.removeFound(state, place, id, where);
      if (done === 1) ids.push(id);
      if (done === 1 && !dryRun) gone++;
      if (done < 0) again ??= where.index;
    }
    if (again !== undefined) return { isFull: false, next: { index: Math.max(0, again) } };
    return { isFull: false, next: { ...next, index: next.index < 0 ? -1 : next.index - gone } };
  }

  /** Gives what there was. */
  async obliterate({ force = false, dryRun = false }: ObliterateOptions): Promise<JobCounts> {
    const counts = await this.inspector.counts();
    const { active } = counts;
    if (!force && active > 0) throw runningError(active);
    if (dryRun) return counts;
    const { owners, patterns, ranked, inProgress, schedules, wake, ...keys } = this.keys;
    const { waiting, high, returned, delayed, state, incomplete, finished, died, results, progress } = keys;
    const { ids, hints, latest, rates, limited, paused, alarm, ticks, ticked, history } = keys;
    const jobs = [waiting, high, returned, delayed, state, incomplete, finished, died, results, progress];
    const rest = [ids, hints, latest, rates, limited, paused, alarm, ticks, ticked, history];
    const names = [owners, patterns, ranked, inProgress, schedules, ...jobs, ...rest];
    const prefixes = [...asideNames(this.keys), this.keys.leases(''), this.keys.inbox('')];
    const running = await this.redis.run('obliterate', (redis) =>
      obliterateAll.run(redis, [...names, ...prefixes, force ? '1' : '', wake], names.length),
    );
    if (!force && running > 0) throw runningError(running);
    return counts;
  }

  private drainSome(place: string, count: number): Promise<number> {
    const { state, watched, ids, progress, results, died, hints, latest, finished, history, events } =
      this.keys;
    const names = [place, state, watched, ids, progress, results, died, hints, latest, finished, history];
    return this.redis.run('drain', (redis) => drainSome.run(redis, [...names, count, events]));
  }

  private sizeOf(place: string): Promise<number> {
    const { returned, delayed } = this.keys;
    return this.redis.run('drain', (redis) =>
      place === returned || place === delayed ? redis.zcard(place) : redis.llen(place),
    );
  }
}

interface CleaningLimits {
  readonly limit: number;
  readonly dryRun: boolean;
  readonly reason: string | undefined;
}

function groupOf(raw: string): string | undefined {
  const letter = readDeadLetter(raw);
  return letter && failureGroup(letter.reason);
}

function idOf(state: JobStateName, raw: string): string | undefined {
  if (state === 'completed') return completedView(raw)?.id;
  return state === 'dead' ? readDeadLetter(raw)?.id : readJob(raw)?.id;
}

function runningError(count: number): HydraError {
  return new HydraError('BAD_OPTION', `obliterate: ${count} jobs run; only force: true removes them too`);
}
