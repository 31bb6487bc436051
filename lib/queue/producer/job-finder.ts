import type { RedisConnections } from '../../redis/redis-connections.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { filterJobs, filterOutcomes, type FilterReply } from '../scripts/filter-scripts.js';
import type { ResolvedFilter } from './job-filter.js';
import type { Cursor, Found, JobSearch } from './job-search.js';
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

/** One place, what of it passes, and where to begin. */
export interface Look {
  readonly state: JobStateName;
  readonly place: string;
  readonly filter: ResolvedFilter;
  readonly from: Cursor;
}

interface FoundPart {
  readonly found: readonly Found[];
  readonly patterns: readonly (readonly [pattern: string, count: number])[];
  readonly looked: number;
  readonly next: Cursor;
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
      for (let from: Cursor = { index: 0 }; from.index >= 0;) {
        if (looked >= lookAt) return { texts, patterns: Object.fromEntries(counts), looked, hasMore: true };
        const part = await this.part({ state, place, filter, from }, limit - texts.length);
        looked += part.looked;
        texts.push(...part.found.map(({ raw }) => raw));
        for (const [pattern, count] of part.patterns) counts.set(pattern, (counts.get(pattern) ?? 0) + count);
        from = part.next;
      }
    }
    return { texts, patterns: Object.fromEntries(counts), looked, hasMore: false };
  }

  /** One step of that: at most `limit` of those that it looks at, and where to continue, at -1 when it was the last. */
  async part({ state, place, filter, from }: Look, limit: number): Promise<FoundPart> {
    const { index, score = '', seen = '' } = from;
    const args = [index, score, seen, ...argsOf(state, filter), limit];
    const [next, upTo, last, looked, flat, texts, length, indexes] = await this.step(state, place, args);
    const patterns = Array.from(
      { length: flat.length / 2 },
      (_, at) => [String(flat[at * 2]), Number(flat[at * 2 + 1])] as const,
    );
    const found = texts.map((raw, at) => ({ raw, index: indexes[at] ?? 0, length }));
    return { found, patterns, looked, next: { index: next, score: upTo, seen: last } };
  }

  async placesOf(state: JobStateName): Promise<readonly string[]> {
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
