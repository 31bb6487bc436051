import { HydraError } from '../hydra-error.js';
import type { Link, RedisClient, RedisConnections } from './redis-connections.js';

/** How many milliseconds later than expected an answer may arrive before the connection counts as dead. */
const MAX_LATE_MS = 2_000;

/**
 * The connection of one reader that blocks. A PING cannot check it, because it would wait behind the read. So each read
 * has a time limit: when it does not end in time, for whatever reason, the connection is closed and made again.
 */
export class BlockingConnection {
  private readonly link: Link;

  constructor(private readonly redis: RedisConnections) {
    this.link = redis.openBlocking();
  }

  /**
   * Runs one command that blocks for `blockMs` at most.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` when there is no connection within a second or so, it broke, or no answer came
   *   in time; the command may have had its effect. `CLOSED` when it is closed before there is a connection. `FORBIDDEN`
   *   when Redis refuses it for lack of rights
   */
  async run<T>(what: string, blockMs: number, command: (client: RedisClient) => Promise<T>): Promise<T> {
    // A connection to another server than that of the commands would read old data.
    await this.redis.admitted(this.link, what, MAX_LATE_MS);
    try {
      return await this.within(blockMs + MAX_LATE_MS, what, command(this.link.client));
    } catch (cause) {
      throw this.redis.failure(what, cause);
    }
  }

  /** Ends a command that blocks, and the connection. */
  close(): void {
    this.redis.closeBlocking(this.link);
  }

  private within<T>(limitMs: number, what: string, answer: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const giveUp = () => {
        if (isOver) return;
        const text = `${what}: no answer from Redis within ${limitMs} ms`;
        this.link.drop(new Error(text));
        reject(new HydraError('REDIS_UNAVAILABLE', text));
      };
      const { clock } = this.redis;
      // After a long blocked tick the answer may be in the socket and not read yet. It is read first.
      const later = () => clock.setTimeout(giveUp, 1, { ref: true, isUpkeep: true });
      const timer = clock.setTimeout(later, limitMs, { ref: true, isUpkeep: true });
      const end = () => {
        isOver = true;
        clock.clear(timer);
      };
      answer.finally(end).then(resolve, reject);
    });
  }
}
