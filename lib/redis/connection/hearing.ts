import type { HydraError } from '../../hydra-error.js';
import type { Clock } from '../../runtime/clock.js';
import type { RedisClient } from './driver.js';
import { publishOn } from '../slot-publish.js';
import { isReply, redisError } from '../redis-error.js';

/** What a process says to itself; nobody else takes it for a message. */
export const ECHO = 'echo';

/** What came of saying something to oneself. */
export type Heard = 'heard' | 'deaf' | 'unknown';

export interface HearingOptions {
  readonly clock: Clock;
  readonly commands: RedisClient;
  /** How long an own word may take after Redis has said that it published it, in milliseconds. */
  readonly withinMs: number;
  /** Redis does not let us speak on our own channel. */
  refused(error: HydraError): void;
}

/**
 * Whether this process hears what is sent to it: it publishes a word on a channel of its own, by the way of its commands,
 * and listens for it by the way of its subscriptions. Where both ways end at one server, Redis also counts the process as a
 * receiver; a server whose count leaves it out cannot prove by a count of 0 that nobody received a message.
 */
export class Hearing {
  private wasCounted = true;
  private own: string | undefined;
  private wasHeard = false;
  private onHeard: (() => void) | undefined;

  constructor(private readonly options: HearingOptions) {}

  /** The channel that has to be heard; nothing is proven before there is one. */
  get channel(): string | undefined {
    return this.own;
  }

  /**
   * Whether a count of 0 can be trusted: the last count of an own word had this process in it, or none was made.
   */
  get mayCount(): boolean {
    return this.wasCounted;
  }

  /** From now on this channel has to be heard; none, where it is undefined. */
  require(channel: string | undefined): void {
    this.own = channel;
  }

  /** Something arrived on the channel. */
  heard(): void {
    this.wasHeard = true;
    this.onHeard?.();
  }

  /** Whether anything was heard since this was asked before; then there is nothing to prove. */
  takeHeard(): boolean {
    const { wasHeard } = this;
    this.wasHeard = false;
    return wasHeard;
  }

  /** Says a word to this process itself. */
  async prove(): Promise<Heard> {
    const { own: channel } = this;
    if (channel === undefined) return 'unknown';
    const heard = this.nextWord();
    try {
      const receivers = await publishOn(this.options.commands, channel, ECHO);
      const isHeard = await Promise.race([heard.promise, this.tooLate()]);
      this.wasCounted = receivers > 0;
      return isHeard ? 'heard' : 'deaf';
    } catch (error) {
      // Without the right to say it, it cannot be known; without a connection, others see to it.
      if (isReply(error)) this.options.refused(redisError(`PUBLISH to ${channel}`, error));
      return 'unknown';
    } finally {
      heard.stop();
    }
  }

  private nextWord(): { promise: Promise<boolean>; stop: () => void } {
    const promise = new Promise<boolean>((resolve) => {
      this.onHeard = () => resolve(true);
    });
    return { promise, stop: () => (this.onHeard = undefined) };
  }

  /** After a long blocked tick the word may lie unread in the socket: it is let in first. */
  private tooLate(): Promise<boolean> {
    const { clock, withinMs } = this.options;
    return new Promise((resolve) => {
      clock.setTimeout(() => clock.setImmediate(() => resolve(false)), withinMs);
    });
  }
}
