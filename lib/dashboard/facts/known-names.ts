import type { Asked } from '../../doctor/evidence/asked.js';
import { seeKeys, type SeenKeys } from '../../doctor/evidence/keys-seen.js';
import { primariesOf } from '../../redis/primaries.js';
import type { Clock } from '../../runtime/clock.js';
import type { Place } from './place.js';

/** Names come and go more rarely than what they name changes, and each time some ten steps of SCAN look for them. */
const LOOKED_FOR_EVERY_MS = 60_000;
/** After a search that failed, or that some of the servers did not answer. */
const AGAIN_AFTER_MS = 5_000;

/** Names that were found, or why none were looked for. */
export interface FoundNames {
  readonly keys: SeenKeys | undefined;
  /** What was not looked at, in words. */
  readonly notes: readonly string[];
}

/** The names of queues and streams, which only the names of their keys tell. They are looked for once a minute, for all who ask; soon again where that failed. */
export class KnownNames {
  private latest: Promise<FoundNames> | undefined;
  private lookedAt = 0;
  private keptMs = LOOKED_FOR_EVERY_MS;
  private readonly clock: Clock;

  constructor(private readonly place: Place) {
    this.clock = place.instance.clock;
  }

  /** Never rejects. */
  find(asked: Asked): Promise<FoundNames> {
    const now = this.clock.monotonic();
    if (this.latest && now - this.lookedAt < this.keptMs) return this.latest;
    this.lookedAt = now;
    this.keptMs = LOOKED_FOR_EVERY_MS;
    this.latest = this.look(asked);
    return this.latest;
  }

  private async look(asked: Asked): Promise<FoundNames> {
    const { instance } = this.place;
    try {
      const keys = await seeKeys(instance, asked, primariesOf(instance.redis.commands), 0);
      if (keys.failed > 0) this.keptMs = AGAIN_AFTER_MS;
      return { keys, notes: keys.missed };
    } catch (error) {
      this.keptMs = AGAIN_AFTER_MS;
      return { keys: undefined, notes: [(error as Error).message] };
    }
  }
}
