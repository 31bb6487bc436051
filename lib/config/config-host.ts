import type { ResolvedOptions } from '../hydra-options.js';
import type { Keys } from '../protocol/keys.js';
import type { RedisConnections } from '../redis/redis-connections.js';
import type { HealthContributors } from '../runtime/health-contributors.js';
import type { Presence } from '../registry/presence/presence.js';

/** What a store works with. An application's instance has it all; a reader that is nobody's instance, the first three. */
export interface ConfigHost {
  readonly redis: RedisConnections;
  readonly keys: Keys;
  readonly options: ResolvedOptions;
  /** Told which revision is running. */
  readonly presence?: Pick<Presence, 'update'>;
  /** Told what is wrong. */
  readonly health?: HealthContributors;
}
