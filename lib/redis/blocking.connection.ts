import { HydraError } from '../hydra.error.js';
import { dropConnection } from './half-open.js';
import type { RedisClient, RedisConnections } from './redis.connections.js';
import { redisError } from './redis.error.js';

/** How much later than promised an answer may come before the connection counts as dead, in milliseconds. */
const GRACE_MS = 2_000;

/**
 * The connection of one reader that blocks. No PING can watch over it, as it would wait behind the read; so each read is
 * watched: when it does not end in time, however the link or Redis is stuck, the connection is broken off and made anew.
 */
export class BlockingConnection {
  private readonly client: RedisClient;

  constructor(private readonly redis: RedisConnections) {
    this.client = redis.openBlocking();
  }

  /**
   * Runs one command that blocks for `blockMs` at most.
   *
   * @throws HydraError `REDIS_UNAVAILABLE` when there is no connection within a second or so, it broke, or no answer came
   *   in time; the command may have had its effect. `CLOSED` when it is closed before there is a connection
   */
  async run<T>(what: string, blockMs: number, command: (client: RedisClient) => Promise<T>): Promise<T> {
    await this.ready(what);
    const limitMs = blockMs + GRACE_MS;
    return this.within(limitMs, what, async () => {
      try {
        return await command(this.client);
      } catch (cause) {
        throw redisError(what, cause);
      }
    });
  }

  /** Ends a command that blocks, and the connection. */
  close(): void {
    this.client.disconnect();
  }

  /** A command sent before would wait in the driver's queue, and run when nobody waits for it any more. */
  private async ready(what: string): Promise<void> {
    if (this.client.status === 'ready') return;
    let stop: (() => void) | undefined;
    const isReady = () =>
      new Promise<void>((resolve, reject) => {
        const fail = () => reject(new HydraError('CLOSED', `${what}: the connection is closed`));
        this.client.once('ready', resolve).once('end', fail);
        stop = () => void this.client.off('ready', resolve).off('end', fail);
      });
    await this.within(GRACE_MS, what, isReady).finally(() => stop?.());
  }

  private within<T>(limitMs: number, what: string, act: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let isOver = false;
      const giveUp = () => {
        if (isOver) return;
        dropConnection(this.client);
        reject(new HydraError('REDIS_UNAVAILABLE', `${what}: no answer from Redis within ${limitMs} ms`));
      };
      // After a long blocked turn the answer may lie unread in the socket: let it be read first.
      const timer = setTimeout(() => setTimeout(giveUp), limitMs);
      act()
        .finally(() => {
          isOver = true;
          clearTimeout(timer);
        })
        .then(resolve, reject);
    });
  }
}
