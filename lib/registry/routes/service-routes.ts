import type { Instance } from '../../hydra-options.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { parseRoute, type RoutePattern } from './route-pattern.js';
import { fingerprint } from './published-routes.js';

/** A Hydra 1.x service announces no change of its routes: they are read again this often, in checks of a second each. */
const LEGACY_CHECKS = 5;

/** The HTTP routes of one service, as this process knows them. Read again when an instance announces other ones. */
export class ServiceRoutes {
  private members: readonly string[] = Object.freeze([]);
  private parsed: readonly RoutePattern[] | undefined;
  /** The fingerprints of the routes that instances of this library wrote. */
  private readonly announced = new Set<number>();
  private hasLegacy = false;
  private reading: Promise<void> | undefined;
  private checks = 0;

  constructor(
    private readonly service: string,
    private readonly context: Pick<Context, 'redis' | 'keys'>,
  ) {}

  /** `[verb]/path` each, sorted. The same frozen array until something changes. */
  get list(): readonly string[] {
    return this.members;
  }

  get patterns(): readonly RoutePattern[] {
    this.parsed ??= this.members.map(parseRoute).filter((pattern) => pattern !== undefined);
    return this.parsed;
  }

  async read(redis: RedisClient): Promise<void> {
    const members = (await redis.smembers(this.context.keys.routes(this.service))).toSorted();
    if (members.join('\n') === this.members.join('\n')) return;
    this.members = Object.freeze(members);
    this.parsed = undefined;
  }

  /** An instance joined, or changed its record. */
  seen({ capabilities }: Instance): void {
    if (capabilities === undefined) {
      if (this.hasLegacy) return;
      this.hasLegacy = true;
    } else {
      if (capabilities.routes === undefined || this.announced.has(capabilities.routes)) return;
      this.announced.add(capabilities.routes);
    }
    this.refresh();
  }

  /** Called every second: reads routes again that nobody announces, and routes that do not match their fingerprint. */
  check(): void {
    const isUnannounced = this.announced.size > 0 && !this.announced.has(fingerprint(this.members));
    const isLegacyDue = this.hasLegacy && ++this.checks % LEGACY_CHECKS === 0;
    if (this.hasLegacy ? isLegacyDue : isUnannounced) this.refresh();
  }

  private refresh(): void {
    this.reading ??= this.context.redis
      .run('read routes', (redis) => this.read(redis))
      // The next check tries again.
      .catch(() => undefined)
      .finally(() => {
        this.reading = undefined;
      });
  }
}
