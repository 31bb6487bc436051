import type { Context } from '../../redis/context.js';
import type { QueueKeys } from './queue-keys.js';
import type { RedisClock } from './redis-clock.js';
import { forgetOld } from '../scripts/retention-scripts.js';

/** How often a process looks for what is too old. */
export const FORGET_EVERY_MS = 10_000;
/** Outcomes and dead letters looked at, and forgotten, by one script at most. */
const BATCH = 500;
/** So that a million ids an hour are forgotten as fast as they come. */
const MAX_LOOKS = 20;

/** Forgets outcomes, dead letters and ids of one queue when they are too old, or too many. */
export class Retention {
  /** Index of the dead letter that the next look begins at. */
  private from = 0;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'options' | 'clock'>,
    private readonly keys: QueueKeys,
    private readonly redisClock: RedisClock,
  ) {}

  async run(): Promise<void> {
    let hasMore = true;
    for (let looks = 0; hasMore && looks < MAX_LOOKS; looks++) ({ hasMore } = await this.look(BATCH));
  }

  /** One bounded look. No dead letter is too old before Redis has told its time: this machine's says nothing of theirs. */
  async look(atMost: number) {
    const { redis, options, clock } = this.context;
    const { completed, dead } = options.queue;
    const { results, finished, died, incomplete, ids } = this.keys;
    const { isKnown } = this.redisClock;
    const oldestDead = isKnown ? new Date(Math.max(0, this.redisClock.now() - dead.ageMs)).toISOString() : '';
    const keys = [results, finished, died, incomplete, ids];
    const kept = [completed.count, dead.count];
    const args = [completed.ageMs, dead.ageMs, oldestDead, atMost, this.from, ...kept];
    const askedAt = clock.monotonic();
    const [forgotten, next, hasMore, now] = await redis.run('queue retention', (client) =>
      forgetOld.run(client, [...keys, ...args]),
    );
    this.redisClock.set(now, askedAt);
    this.from = next;
    return { forgotten, next, hasMore: hasMore === 1 || !isKnown };
  }
}
