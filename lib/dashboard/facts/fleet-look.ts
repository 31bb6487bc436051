import type { Asked } from '../../doctor/evidence/asked.js';
import type { Seen } from '../../doctor/evidence/survey.js';
import { DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import { listedServices, lookAt, servicesIn, type LookedAt } from './look.js';
import type { Place } from './place.js';

/** So old a look does for another who wants one: less than anything is looked at again. */
const FRESH_MS = 2_000;

/** All services, with the queue that each of them has. */
export interface SeenFleet {
  readonly services: readonly LookedAt[];
  readonly queues: ReadonlyMap<string, Seen['queues'][number][2]>;
}

/** Looks at all services, once for the list of them and for the page of one: what callers say of an instance is in theirs. */
export class FleetLook {
  private latest: Promise<SeenFleet> | undefined;
  private lookedAt = 0;

  constructor(private readonly instance: Place['instance']) {}

  /** @throws Error where nothing could be looked at */
  look(asked: Asked): Promise<SeenFleet> {
    const now = this.instance.clock.monotonic();
    if (this.latest && now - this.lookedAt < FRESH_MS) return this.latest;
    const looking = this.lookAtAll(asked);
    this.latest = looking;
    this.lookedAt = now;
    looking.catch(() => {
      if (this.latest === looking) this.latest = undefined;
    });
    return looking;
  }

  /** One service alone, which is registered no more. */
  one(asked: Asked, name: string): Promise<SeenFleet> {
    return seeServices(this.instance, asked, [name]);
  }

  private async lookAtAll(asked: Asked): Promise<SeenFleet> {
    return seeServices(this.instance, asked, await listedServices(this.instance, asked));
  }
}

async function seeServices(
  instance: Place['instance'],
  asked: Asked,
  names: readonly string[],
): Promise<SeenFleet> {
  const queues = names.map((name) => [name, DEFAULT_QUEUE] as const);
  const seen = await lookAt(instance, asked, { services: names, texts: 'health', queues });
  return {
    services: servicesIn(names, seen),
    queues: new Map(seen.queues.map(([service, , found]) => [service, found])),
  };
}
