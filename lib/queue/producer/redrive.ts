import type { RedisConnections } from '../../redis/redis-connections.js';
import { readDeadLetter, type DeadLetterText } from '../model/dead-letter.js';
import { notedDedup } from '../model/job-id.js';
import { failureGroup } from '../failures/failure-group.js';
import { resolveFilter, type BulkOptions, type DeadJobFilter } from './job-filter.js';
import type { Found, JobSearch } from './job-search.js';
import { redriveAll } from '../scripts/producer-scripts.js';
import type { QueueKeys } from '../model/queue-keys.js';

/** Dead letters that one script moves at most, where they are at the head of the list. */
const BATCH = 100;
/** Elements that Redis may go past in one script to find those to move. */
const MAX_PASSED = 50_000;
/** How often it begins again because others changed the list under it. */
const MAX_RESTARTS = 5;
/** Bytes of them that one script moves. */
const MAX_BYTES = 262_144;

interface Letter extends DeadLetterText {
  readonly found: Found;
}

/** Makes jobs of dead letters again, part by part: there may be many of them, and large ones. */
export class Redrive {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
    private readonly dedupMs: number,
  ) {}

  /** Gives back the ids of those that are jobs again; dry, of those that would be. */
  async run(
    ids: readonly string[] | DeadJobFilter,
    { dryRun: isDry = false, onProgress }: BulkOptions,
  ): Promise<string[]> {
    const isList = Array.isArray(ids);
    if (isList && ids.length === 0) return [];
    const chosen = isList ? new Set(ids) : undefined;
    const passes = isList ? ({ id }: Letter) => chosen!.has(id) : passer(ids as DeadJobFilter);
    const total = await this.redis.run('list dead letters', (redis) => redis.llen(this.keys.incomplete));
    const driven: string[] = [];
    const missing = new Set(chosen);
    let restarts = 0;
    // Those that come meanwhile are not meant.
    for (let from = 0, left = total; left > 0;) {
      const { letters, next } = await this.part(from, [...missing]);
      const due = letters.filter(passes);
      const { moved, lost } = isDry ? { moved: due, lost: [] } : await this.move(due);
      for (const { id } of due) if (!lost.includes(id)) missing.delete(id);
      driven.push(...moved.map(({ id }) => id));
      if (moved.length > 0) onProgress?.(driven.length);
      const isAllFound = chosen !== undefined && missing.size === 0;
      left = next < 0 || isAllFound ? 0 : left - (next - from);
      from = next - (isDry ? 0 : moved.length);
      // The list has moved meanwhile: those that were seen may stand before where they were.
      if (lost.length > 0 && restarts++ < MAX_RESTARTS) [from, left] = [0, total];
    }
    return driven;
  }

  private async part(from: number, ids: readonly string[]) {
    const { found, next } = await this.search.part(this.keys.incomplete, ids, { index: from });
    const letters = found.flatMap((one): Letter[] => {
      const letter = readDeadLetter(one.raw);
      return letter ? [{ ...letter, found: one }] : [];
    });
    return { letters, next: next.index };
  }

  /** Those that are jobs again, and the ids of those that have to be looked for again. */
  private async move(letters: readonly Letter[]): Promise<{ moved: Letter[]; lost: string[] }> {
    const { incomplete, waiting, state, ids, results, died, finished, hints } = this.keys;
    const names = [incomplete, waiting, state, ids, results, died, finished, hints];
    const moved: Letter[] = [];
    const lost: string[] = [];
    for (let start = 0; start < letters.length;) {
      const part = letters.slice(start, start + countOf(letters, start));
      start += part.length;
      // Those before them have left the list.
      const gone = moved.length;
      const length = part[0]!.found.length - gone;
      const args = part.flatMap(({ raw, jobText, id, found, steps }) => [
        ...[raw, jobText, id, found.index - gone],
        steps ? JSON.stringify({ steps }) : '',
      ]);
      const done = await this.redis.run('redrive', (redis) =>
        redriveAll.run(redis, [...names, notedDedup(this.dedupMs), length, ...args]),
      );
      moved.push(...part.filter((_, at) => done[at] === 1));
      lost.push(...part.filter((_, at) => done[at] === -1).map(({ id }) => id));
    }
    return { moved, lost };
  }
}

/** @throws HydraError `BAD_OPTION` */
function passer(filter: DeadJobFilter): (letter: Letter) => boolean {
  const { pattern, text, since, until } = resolveFilter(filter);
  const { reason } = filter;
  return (letter) => {
    if (pattern !== '' && letter.pattern !== pattern) return false;
    if (reason !== undefined && failureGroup(letter.reason) !== reason) return false;
    if (text !== '' && !letter.raw.includes(text)) return false;
    if (since === undefined && until === undefined) return true;
    const { diedAt } = letter;
    return diedAt !== undefined && !(since && diedAt < since) && !(until && diedAt > until);
  };
}

/** How many of them, from one on, one script moves. */
function countOf(letters: readonly Letter[], start: number): number {
  const { index, length } = letters[start]!.found;
  const passed = Math.max(1, Math.min(index, length - index));
  const most = Math.max(1, Math.min(BATCH, Math.floor(MAX_PASSED / passed)));
  let bytes = 0;
  let count = 0;
  while (count < most && start + count < letters.length && bytes < MAX_BYTES) {
    bytes += letters[start + count]!.raw.length;
    count++;
  }
  return count;
}
