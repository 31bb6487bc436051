import type { RedisClient, RedisConnections } from '../../redis/redis-connections.js';

/** What Redis is asked for one look: counted, since whoever looks must not weigh on what they look at. */
export class Asked {
  private count = 0;

  constructor(private readonly redis: Pick<RedisConnections, 'commands'>) {}

  get commands(): number {
    return this.count;
  }

  /** One command. Past `run`, which takes note of what Redis refuses: here that is an answer. */
  one<T>(what: string, command: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.some(1, what, command);
  }

  /** @param most how many commands it may be */
  async some<T>(most: number, what: string, command: (client: RedisClient) => Promise<T>): Promise<T> {
    this.count += most;
    try {
      return await command(this.redis.commands);
    } catch (cause) {
      throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
}
