import type { RedisConnections } from '../../redis/redis-connections.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { filterJobs, filterOutcomes, type FilterReply } from '../scripts/filter-scripts.js';
import type { ResolvedFilter } from './job-filter.js';
import type { JobSearch } from './job-search.js';
import type { JobStateName } from './job-view.js';

/** What passed a filter, as it is stored. */
export interface FoundTexts {
  readonly texts: readonly string[];
  readonly patterns: Readonly<Record<string, number>>;
  readonly looked: number;
  readonly hasMore: boolean;
}

/** How much is looked at, and given back. */
export interface FindLimits {
  readonly limit: number;
  readonly lookAt: number;
}

/** Goes through the jobs of a state in bounded steps, and gives those that pass a filter. */
export class JobFinder {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
  ) {}

  async find(
    state: JobStateName,
    filter: ResolvedFilter,
    { limit, lookAt }: FindLimits,
  ): Promise<FoundTexts> {
    const texts: string[] = [];
    const counts = new Map<string, number>();
    let looked = 0;
    for (const place of await this.placesOf(state)) {
      let from = ['0', '', ''];
      while (from[0] !== '-1') {
        if (looked >= lookAt) return { texts, patterns: Object.fromEntries(counts), looked, hasMore: true };
        const reply = await this.step(state, place, [
          ...from,
          ...argsOf(state, filter),
          limit - texts.length,
        ]);
        const [next, score, seen, count, patterns, some] = reply;
        looked += count;
        texts.push(...some);
        for (let i = 0; i < patterns.length; i += 2) {
          const pattern = String(patterns[i]);
          counts.set(pattern, (counts.get(pattern) ?? 0) + Number(patterns[i + 1]));
        }
        from = [String(next), score, seen];
      }
    }
    return { texts, patterns: Object.fromEntries(counts), looked, hasMore: false };
  }

  private async placesOf(state: JobStateName): Promise<readonly string[]> {
    if (state === 'waiting') return (await this.search.places()).waiting;
    if (state === 'active') return (await this.search.places()).active;
    const { delayed, incomplete, finished } = this.keys;
    return [{ delayed, dead: incomplete, completed: finished }[state]];
  }

  private step(state: JobStateName, place: string, args: readonly (string | number)[]): Promise<FilterReply> {
    return this.redis.run('find jobs', (redis) =>
      state === 'completed'
        ? filterOutcomes.run(redis, [place, this.keys.results, ...args])
        : filterJobs.run(redis, [place, ...args, state === 'dead' ? '1' : '']),
    );
  }
}

function argsOf(state: JobStateName, { pattern, text, since, until }: ResolvedFilter): string[] {
  const written = (date: Date | undefined) =>
    date === undefined ? '' : state === 'completed' ? String(date.getTime()) : date.toISOString();
  return [pattern, text, written(since), written(until)];
}
