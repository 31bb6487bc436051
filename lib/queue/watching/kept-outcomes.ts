import { readEnd, type JobEvent } from '../model/job-event.js';
import type { QueueKeys } from '../model/queue-keys.js';
import type { RedisConnections } from '../../redis/redis-connections.js';

/** What is kept of how a job of an id ended. */
export interface KeptOutcome {
  /** How it was written; null where nothing is kept. */
  readonly text: string | null;
  readonly end: JobEvent | undefined;
  /** A job of this id waits, is delayed or runs: the outcome is that of the one before. */
  readonly isOlder: boolean;
}

/** Reads how jobs ended, and tells the outcome of a job from that of an earlier one of its id. */
export class KeptOutcomes {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
  ) {}

  async of(id: string): Promise<KeptOutcome> {
    return (await this.ofAll([id]))[0]!;
  }

  async ofAll(ids: readonly string[]): Promise<KeptOutcome[]> {
    const { results, ids: taken } = this.keys;
    // The ids first: what ends in between is looked for once more, and what is added forgets the outcome with that.
    const [scores, texts] = await this.redis.run('look up outcomes', (redis) =>
      Promise.all([redis.zmscore(taken, ...ids), redis.hmget(results, ...ids)]),
    );
    return texts.map((text, index) => {
      const isOlder = scores[index]?.startsWith('-') ?? false;
      return { text, end: readEnd(text), isOlder };
    });
  }
}
