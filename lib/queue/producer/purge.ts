import { HydraError } from '../../hydra-error.js';
import { integer } from '../../hydra-options.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { asideNames, type QueueKeys } from '../model/queue-keys.js';
import { drainSome, obliterateAll } from '../scripts/purge-scripts.js';
import type { BulkOptions, JobFilter } from './job-filter.js';
import type { JobInspector } from './job-inspector.js';
import type { JobCounts, JobStateName } from './job-view.js';

/** Options of `drain`. @publicApi */
export interface DrainQueueOptions extends BulkOptions {
  /** True: the delayed ones too, those that wait for their next attempt among them. @defaultValue false */
  readonly delayed?: boolean;
}

/** Options of `clean`. @publicApi */
export interface CleanOptions extends BulkOptions, Pick<JobFilter, 'pattern' | 'text'> {
  /** Those that were added, or completed and dead ones that ended, so long ago, in milliseconds. @defaultValue 0 */
  readonly olderThanMs?: number;
  /** How many at most. @defaultValue 1000 */
  readonly limit?: number;
}

/** What `clean` removed. @publicApi */
export interface CleanedJobs {
  /** The ids; with `dryRun` of those that would go. */
  readonly ids: readonly string[];
  /** There may be more of them: the same again continues. */
  readonly hasMore: boolean;
}

/** Options of `obliterate`. @publicApi */
export interface ObliterateOptions extends Pick<BulkOptions, 'dryRun'> {
  /** True: also while jobs run, whose outcomes are refused then. @defaultValue false */
  readonly force?: boolean;
}

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
    const { olderThanMs = 0, limit = 1_000, dryRun = false, onProgress, pattern, text } = options;
    integer('limit', limit, 1);
    integer('olderThanMs', olderThanMs, 0);
    if (state === 'active')
      throw new HydraError('BAD_OPTION', 'jobs that run are not cleaned: cancel ends them');
    const [seconds] = await this.redis.run('clean', (redis) => redis.time());
    const until = new Date(Number(seconds) * 1_000 + 999 - olderThanMs);
    const filter = {
      until,
      limit,
      ...(pattern !== undefined && { pattern }),
      ...(text !== undefined && { text }),
    };
    const { jobs, patterns, hasMore } = await this.inspector.find(state, filter);
    const all = Object.values(patterns).reduce((sum, count) => sum + count, 0);
    const ids: string[] = [];
    for (const { id } of jobs) {
      if (dryRun || (await this.inspector.remove(id, state))) ids.push(id);
      if (!dryRun) onProgress?.(ids.length);
    }
    return { ids, hasMore: hasMore || all > jobs.length };
  }

  /** Gives what there was. */
  async obliterate({ force = false, dryRun = false }: ObliterateOptions): Promise<JobCounts> {
    const counts = await this.inspector.counts();
    const { active } = counts;
    if (!force && active > 0) throw runningError(active);
    if (dryRun) return counts;
    const { owners, patterns, ranked, inProgress, schedules, wake, ...keys } = this.keys;
    const { waiting, high, returned, delayed, state, incomplete, finished, died, results, progress } = keys;
    const { ids, hints, latest, rates, limited, paused, alarm, ticks, ticked } = keys;
    const jobs = [waiting, high, returned, delayed, state, incomplete, finished, died, results, progress];
    const rest = [ids, hints, latest, rates, limited, paused, alarm, ticks, ticked];
    const names = [owners, patterns, ranked, inProgress, schedules, ...jobs, ...rest];
    const prefixes = [...asideNames(this.keys), this.keys.leases(''), this.keys.inbox('')];
    const running = await this.redis.run('obliterate', (redis) =>
      obliterateAll.run(redis, [...names, ...prefixes, force ? '1' : '', wake], names.length),
    );
    if (!force && running > 0) throw runningError(running);
    return counts;
  }

  private drainSome(place: string, count: number): Promise<number> {
    const { state, watched, ids, progress, results, died, hints, latest, events } = this.keys;
    const names = [place, state, watched, ids, progress, results, died, hints, latest];
    return this.redis.run('drain', (redis) => drainSome.run(redis, [...names, count, events]));
  }

  private sizeOf(place: string): Promise<number> {
    const { returned, delayed } = this.keys;
    return this.redis.run('drain', (redis) =>
      place === returned || place === delayed ? redis.zcard(place) : redis.llen(place),
    );
  }
}

function runningError(count: number): HydraError {
  return new HydraError('BAD_OPTION', `obliterate: ${count} jobs run; only force: true removes them too`);
}
