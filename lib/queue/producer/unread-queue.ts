import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import type { QueueKeys } from '../model/queue-keys.js';

/** So long a queue to which this process adds may be without a worker before it says so, in milliseconds. */
const LOOK_MS = 30_000;

/** Looks, for as long as this process adds to a queue, whether somebody reads it, and warns where nobody does. */
export class UnreadQueue {
  private timer: Timer | undefined;
  /** Nobody read it when it was looked at last. */
  private warned: string | undefined;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock' | 'log'>,
    private readonly keys: QueueKeys,
    private readonly name: string,
  ) {}

  /** Something was added: it is to be read by then. */
  expectReader(): void {
    this.timer ??= this.context.clock.setTimeout(() => void this.look(), LOOK_MS);
  }

  /** What is wrong with it; undefined where somebody reads it, or nothing waits. */
  get warning(): string | undefined {
    return this.warned;
  }

  close(): void {
    this.context.clock.clear(this.timer);
  }

  /** Never rejects: without Redis there is worse to say than this. */
  private async look(): Promise<void> {
    this.timer = undefined;
    const { redis, log } = this.context;
    try {
      const [workers, waiting] = await redis.run('look for workers', async (client) => {
        const [seconds] = await client.time();
        return Promise.all([
          client.zcount(this.keys.owners, Number(seconds) * 1_000, '+inf'),
          client.llen(this.keys.waiting),
        ]);
      });
      this.warned = workers > 0 || waiting === 0 ? undefined : this.text(waiting);
    } catch {
      this.warned = undefined;
    }
    if (this.warned === undefined) return;
    log.warn(`unread ${this.keys.waiting}`, this.warned);
    this.expectReader();
  }

  private text(waiting: number): string {
    return `${waiting} jobs wait in ${this.name}, and no worker of this library reads it`;
  }
}
