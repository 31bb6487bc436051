import type { ResolvedOptions } from '../hydra-options.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Keys } from '../protocol/keys.js';
import type { Clock } from '../runtime/clock.js';
import type { HealthContributors } from '../runtime/health-contributors.js';
import type { RandomSource } from '../runtime/random-source.js';
import type { ThrottledLogger } from '../runtime/throttled-logger.js';
import type { RedisConnections } from './redis-connections.js';

/**
 * What the parts of one instance share. A part takes the `Pick` of it that it needs, and its own options as an object.
 * Two instances in one process share nothing.
 */
export interface Context {
  /** The id of this instance. */
  readonly id: string;
  /** Its address, as the `from` of what it sends: `<id>@<service>:/`. */
  readonly address: string;
  readonly options: ResolvedOptions;
  readonly redis: RedisConnections;
  /** The names of all keys and channels. */
  readonly keys: Keys;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Where each part reports its health. */
  readonly health: HealthContributors;
  /** What is counted; undefined where `metrics.enabled` is false. */
  readonly metrics?: Metrics | undefined;
  /** For warnings that would repeat. */
  readonly log: ThrottledLogger;
}
