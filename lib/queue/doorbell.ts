import { LONGEST_TIMER_MS } from '../hydra.options.js';
import { BlockingConnection } from '../redis/blocking.connection.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import type { QueueKeys } from './queue.keys.js';

/** How long one wait for the list to fill lasts: short, so that a dead connection shows. */
const BLOCK_MS = 1_000;
const RETRY_MS = 200;

/** Rings when there may be work: a job in the waiting list, a word on the wake channel, a moment that has come. */
export class Doorbell {
  private connection: BlockingConnection | undefined;
  private isAsking = false;
  private isWaiting = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly ring: () => void,
  ) {}

  async open(): Promise<void> {
    this.redis.subscriber.on('message', this.onMessage);
    await this.redis.subscribe(this.keys.wake);
  }

  /**
   * Rings once, when there is something to take; after `withinMs` in any case, where it is given, and early where that is
   * longer than a timer can wait.
   */
  wait(withinMs: number | undefined, watchesList: boolean): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    if (withinMs !== undefined)
      this.timer = setTimeout(this.ring, Math.min(withinMs, LONGEST_TIMER_MS)).unref();
    this.isWaiting = watchesList;
    if (watchesList && !this.isAsking) void this.ask();
  }

  close(): void {
    this.isClosed = true;
    this.isWaiting = false;
    clearTimeout(this.timer);
    this.redis.subscriber.off('message', this.onMessage);
    void this.redis.unsubscribe(this.keys.wake);
    this.connection?.close();
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.isWaiting) {
      if (await this.isFilled()) {
        this.isWaiting = false;
        this.ring();
      }
    }
    this.isAsking = false;
  }

  /**
   * From the tail of the list to the tail of the same list: it changes nothing, and blocks while there is nothing. That
   * sees what a Hydra 1.x process adds too, and leaves the taking to a script that records the lease with it.
   */
  private async isFilled(): Promise<boolean> {
    const { waiting } = this.keys;
    this.connection ??= new BlockingConnection(this.redis);
    try {
      const found = await this.connection.run('queue wait', BLOCK_MS, (client) =>
        client.blmove(waiting, waiting, 'RIGHT', 'RIGHT', BLOCK_MS / 1_000),
      );
      return found !== null;
    } catch {
      // A dead connection fails instantly; without a pause this loop would spin.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      return false;
    }
  }

  private readonly onMessage = (channel: string): void => {
    if (channel === this.keys.wake) this.ring();
  };
}
