import type { Context } from '../../redis/context.js';
import { idOfTick } from '../model/schedule.js';
import type { QueueKeys } from '../model/queue-keys.js';
import type { JobSearch } from '../producer/job-search.js';
import { endTicks } from '../scripts/schedule-scripts.js';

/** How many repeating jobs one sweep looks at. */
const PAGE = 100;
/** A job on its way from place to place may be missed by one search. */
const SEARCHES = 2;

/** The job of a tick that has not ended, as far as anybody was told. */
interface OpenTick {
  readonly id: string;
  /** Minus the ms for which its id is taken after its end. */
  readonly score: string;
}

/**
 * Finds the jobs of ticks that are there no more and whose end nobody was told, as a Hydra 1.x worker tells none: with `overlap`,
 * their repeating job would wait for that for ever.
 */
export class OpenTicks {
  private cursor = '0';

  constructor(
    private readonly context: Pick<Context, 'redis'>,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
  ) {}

  /** Gives the number of those that count as ended from now on. */
  async sweep(): Promise<number> {
    let gone = await this.open();
    for (let searches = 0; searches < SEARCHES && gone.length > 0; searches++) {
      const present = await this.search.openAmong(gone.map(({ id }) => id));
      gone = gone.filter(({ id }) => !present.has(id));
    }
    if (gone.length === 0) return 0;
    const pairs = gone.flatMap(({ id, score }) => [id, score]);
    return this.context.redis.run('queue upkeep', (redis) =>
      endTicks.run(redis, [this.keys.ids, this.keys.hints, ...pairs]),
    );
  }

  private async open(): Promise<OpenTick[]> {
    const { ticked, ids } = this.keys;
    const [next, flat] = await this.context.redis.run('queue upkeep', (redis) =>
      redis.hscan(ticked, this.cursor, 'COUNT', PAGE),
    );
    this.cursor = next;
    const last: string[] = [];
    for (let i = 0; i < flat.length; i += 2) {
      const tick = / (\d+)$/.exec(flat[i + 1] ?? '')?.[1];
      if (tick !== undefined) last.push(idOfTick(flat[i]!, Number(tick)));
    }
    if (last.length === 0) return [];
    const scores = await this.context.redis.run('queue upkeep', (redis) => redis.zmscore(ids, ...last));
    return last.flatMap((id, index) => {
      const score = scores[index];
      return score?.startsWith('-') ? [{ id, score }] : [];
    });
  }
}
