import { systemClock } from '../../runtime/clock.js';
import { ThrottledLogger } from '../../runtime/throttled-logger.js';
import { MAX_TIMER_MS } from '../../hydra-options.js';
import { BlockingConnection } from '../../redis/blocking-connection.js';
import type { RedisConnections, Subscription } from '../../redis/redis-connections.js';
import { isUnavailable } from '../producer/job-waiters.js';
import type { QueueKeys } from '../model/queue-keys.js';

/** How long one wait for the list to fill lasts: short, so that a dead connection shows. */
const BLOCK_MS = 1_000;
const RETRY_MS = 200;

/** What a doorbell hears besides: see {@link WakeUpListener}. */
export interface WakeUpHandler {
  /** There may be something to take. */
  ring(): void;
  /** The worker was chosen out of those that wait: it is none of them any more. */
  chosen(): void;
}

/** Rings when there may be work: a job in the waiting list, a word on the wake channels, a moment that has come. */
export class WakeUpListener {
  /** A job may be in the inbox: the next turn sees to that. */
  hasMail = false;
  private readonly log = new ThrottledLogger(systemClock);
  private connection: BlockingConnection | undefined;
  private isAsking = false;
  private isWaiting = false;
  private isClosed = false;
  private timer: NodeJS.Timeout | undefined;
  private subscriptions: readonly Subscription[] = [];

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly id: string,
    private readonly listener: WakeUpHandler,
  ) {}

  async open(): Promise<void> {
    const { redis, keys, listener } = this;
    const chosen = (text: string) => {
      // Without a text it only asks whether this process is connected.
      if (text === '') return;
      listener.chosen();
      listener.ring();
    };
    this.subscriptions = [
      redis.subscribe(keys.wake, () => listener.ring()),
      redis.subscribe(keys.wakeOf(this.id), chosen),
    ];
    await Promise.all(this.subscriptions.map((subscription) => subscription.confirmed()));
  }

  /**
   * Rings once, when there is something to take; after `withinMs` in any case, where it is given, and early where that is
   * longer than a timer can wait.
   */
  wait(withinMs: number | undefined, watchesList: boolean): void {
    if (this.isClosed) return;
    clearTimeout(this.timer);
    if (withinMs !== undefined) {
      this.timer = setTimeout(() => this.listener.ring(), Math.min(withinMs, MAX_TIMER_MS)).unref();
    }
    this.isWaiting = watchesList;
    if (watchesList && !this.isAsking) void this.ask();
  }

  close(): void {
    this.isClosed = true;
    this.isWaiting = false;
    clearTimeout(this.timer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.connection?.close();
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.isWaiting) {
      if (await this.isFilled()) {
        this.isWaiting = false;
        this.listener.ring();
      }
    }
    this.isAsking = false;
  }

  /**
   * Moves the next job to the worker's inbox, and blocks while there is none: of all that wait one is woken by one job. That
   * sees what a Hydra 1.x process adds too. The taking is left to the script that records the lease with it: it puts the job
   * back to where it was first.
   */
  private async isFilled(): Promise<boolean> {
    const { waiting } = this.keys;
    this.connection ??= new BlockingConnection(this.redis);
    try {
      const found = await this.connection.run('queue wait', BLOCK_MS, (client) =>
        client.blmove(waiting, this.keys.inbox(this.id), 'RIGHT', 'LEFT', BLOCK_MS / 1_000),
      );
      this.hasMail ||= found !== null;
      return found !== null;
    } catch (error) {
      if (!this.isClosed && !isUnavailable(error))
        this.log.warn('wait', `waiting for jobs: ${String(error)}`);
      // The answer may be what got lost, or Redis refuses to wait, as when it is full: then a look now and then has to do.
      this.hasMail = true;
      // A dead connection fails instantly; without a pause this loop would spin.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
      return true;
    }
  }
}
