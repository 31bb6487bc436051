import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import { BlockingConnection } from '../../redis/blocking-connection.js';
import type { Subscription } from '../../redis/redis-connections.js';
import { isUnavailable } from '../watching/job-waiters.js';
import { isHydras, type QueueKeys } from '../model/queue-keys.js';

/** How long one wait for the list to fill lasts: short, so that a dead connection shows. */
const BLOCK_MS = 1_000;
const RETRY_MS = 200;

/** What is woken: see {@link WakeUpListener}. */
export interface WakeUpHandler {
  /** There may be something to take. */
  wake(): void;
  /** The worker was chosen out of those that wait: it is not among them any more. */
  chosen(): void;
  /** Somebody ended a job that it runs. */
  cancelled(lease: string, reason: string): void;
}

/** What a worker is told when a job that it runs was cancelled. */
const CANCEL = /^cancel (\S+) (.*)$/s;

/**
 * Wakes a worker when there may be work: a job in the waiting list of the default queue, a word on the wake channels, a moment that
 * has come.
 */
export class WakeUpListener {
  private mayHaveMail = false;
  private connection: BlockingConnection | undefined;
  private isAsking = false;
  private isWaiting = false;
  private isClosed = false;
  private timer: Timer | undefined;
  private subscriptions: readonly Subscription[] = [];

  constructor(
    private readonly context: Pick<Context, 'id' | 'redis' | 'clock' | 'log'>,
    private readonly keys: QueueKeys,
    private readonly listener: WakeUpHandler,
  ) {}

  async open(): Promise<void> {
    const { keys, listener } = this;
    const { id, redis } = this.context;
    const chosen = (text: string) => {
      // Without a text it only asks whether this process is connected.
      if (text === '') return;
      const [, lease, reason = ''] = CANCEL.exec(text) ?? [];
      if (lease !== undefined) return listener.cancelled(lease, reason);
      listener.chosen();
      listener.wake();
    };
    this.subscriptions = [
      redis.subscribe(keys.wake, () => listener.wake()),
      redis.subscribe(keys.wakeOf(id), chosen),
    ];
    await Promise.all(this.subscriptions.map((subscription) => subscription.confirmed()));
  }

  /** A job may be in the inbox: the next exchange sees to that. */
  get hasMail(): boolean {
    return this.mayHaveMail;
  }

  expectMail(): void {
    this.mayHaveMail = true;
  }

  takeMail(): void {
    this.mayHaveMail = false;
  }

  /**
   * Wakes once, when there is something to take; after `withinMs` in any case, where it is given, and early where that is
   * longer than a timer can wait.
   */
  wait(withinMs: number | undefined, watchesList: boolean): void {
    if (this.isClosed) return;
    const { clock } = this.context;
    clock.clear(this.timer);
    if (withinMs !== undefined) {
      this.timer = clock.setTimeout(() => this.listener.wake(), withinMs);
    }
    this.isWaiting = watchesList && isHydras(this.keys);
    if (this.isWaiting && !this.isAsking) void this.ask();
  }

  close(): void {
    this.isClosed = true;
    this.isWaiting = false;
    this.context.clock.clear(this.timer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.connection?.close();
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    while (this.isWaiting) {
      if (await this.isFilled()) {
        this.isWaiting = false;
        this.listener.wake();
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
    const { id, redis, clock, log } = this.context;
    this.connection ??= new BlockingConnection(redis);
    try {
      const found = await this.connection.run('queue wait', BLOCK_MS, (client) =>
        client.blmove(waiting, this.keys.inbox(id), 'RIGHT', 'LEFT', BLOCK_MS / 1_000),
      );
      this.mayHaveMail ||= found !== null;
      return found !== null;
    } catch (error) {
      if (!this.isClosed && !isUnavailable(error))
        log.warn(`wait ${waiting}`, `waiting for jobs: ${String(error)}`);
      // The answer may be what got lost, or Redis refuses to wait, as when it is full: then a look now and then has to do.
      this.mayHaveMail = true;
      // A dead connection fails instantly; without a pause this loop would spin.
      await sleep(clock, RETRY_MS);
      return true;
    }
  }
}
