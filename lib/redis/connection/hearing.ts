import type { HydraError } from '../../hydra-error.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import { isReply, redisError } from '../redis-error.js';

/** The text that a process publishes to itself. It is neither a message nor a frame. */
const ECHO = 'echo';
/** Before the time at which it was sent, by the monotonic clock of the process. */
const TIMED = `${ECHO} at `;

/** Whether a text is of a process to itself. */
export function isEcho(text: string): boolean {
  return text.startsWith(ECHO);
}

/** The text that {@link Hearing.mark} publishes. */
export function markOf(name: string): string {
  return `${ECHO} ${name}`;
}

/** When a text of {@link Hearing.echoDue} was sent; undefined of any other. */
export function sentAtOf(text: string): number | undefined {
  const at = text.startsWith(TIMED) ? Number(text.slice(TIMED.length)) : NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** The result of a message to oneself. */
export type Heard = 'heard' | 'deaf' | 'unknown';

export interface HearingOptions {
  readonly clock: Clock;
  /** Publishes as the messages to this process are published. Resolves with the receivers; undefined if that is unknown. */
  readonly publish: (channel: string, text: string) => Promise<number | undefined>;
  /** Whether the process must also be counted as a receiver: within a shard all receivers are counted. */
  readonly mustCount: () => boolean;
  /** How long the own message may take after Redis has confirmed its PUBLISH, in milliseconds. */
  readonly withinMs: number;
  /** Redis refuses to publish on the own channel. */
  refused(error: HydraError): void;
}

/**
 * Tests whether this process receives what is sent to it: it publishes a text on its own channel with the connection of
 * the commands, and waits for it on the connection of the subscriptions. If both connections are at one server, Redis
 * also counts the process as a receiver. If the count does not include the process, a count of 0 at this server proves
 * nothing.
 */
export class Hearing {
  private wasCounted = true;
  private own: string | undefined;
  private wasHeard = false;
  private onHeard: (() => void) | undefined;
  private echoedAt = -Infinity;

  constructor(private readonly options: HearingOptions) {}

  /** The own channel; nothing can be tested before it is set. */
  get channel(): string | undefined {
    return this.own;
  }

  /** Whether a count of 0 proves something: the last count included this process, or there was no test yet. */
  get mayCount(): boolean {
    return this.wasCounted;
  }

  /** Sets the own channel, or ends the tests with undefined. */
  require(channel: string | undefined): void {
    this.own = channel;
  }

  /** Something arrived on the channel. */
  heard(): void {
    this.wasHeard = true;
    this.onHeard?.();
  }

  /** Whether anything was received since the last call, or test. Then no test is needed. */
  takeHeard(): boolean {
    const { wasHeard } = this;
    this.wasHeard = false;
    return wasHeard;
  }

  /** Sends a text to this process itself, and waits for it. */
  async prove(): Promise<Heard> {
    const { own: channel } = this;
    if (channel === undefined) return 'unknown';
    const heard = this.nextWord();
    let late: ReturnType<typeof this.tooLate> | undefined;
    try {
      const receivers = await this.options.publish(channel, ECHO);
      late = this.tooLate();
      const isHeard = await Promise.race([heard.promise, late.promise]);
      this.wasCounted = receivers !== 0;
      return isHeard && (this.wasCounted || !this.options.mustCount()) ? 'heard' : 'deaf';
    } catch (error) {
      // Without the right to publish, the result is unknown. A missing connection is handled elsewhere.
      if (isReply(error)) this.options.refused(redisError(`PUBLISH to ${channel}`, error));
      return 'unknown';
    } finally {
      heard.stop();
      late?.stop();
      // Nothing but its own text may have arrived.
      this.wasHeard = false;
    }
  }

  /** What to publish with a write of this moment, if the one after `nextMs` comes later than each `everyMs`. */
  echoDue(nextMs: number, everyMs: number): readonly [channel: string, text: string] | readonly [] {
    const now = this.options.clock.monotonic();
    if (this.own === undefined || now + nextMs <= this.echoedAt + everyMs) return [];
    this.echoedAt = now;
    return [this.own, `${TIMED}${now}`];
  }

  /** Redis counted so many receivers on the own channel. */
  counted(receivers: number): void {
    this.wasCounted = receivers !== 0;
  }

  /**
   * Publishes {@link markOf} this name on the own channel; false where there is none. Rejects as the driver does.
   */
  async mark(name: string): Promise<boolean> {
    if (this.own === undefined) return false;
    await this.options.publish(this.own, markOf(name));
    return true;
  }

  private nextWord(): { promise: Promise<boolean>; stop: () => void } {
    const promise = new Promise<boolean>((resolve) => {
      this.onHeard = () => resolve(true);
    });
    return { promise, stop: () => (this.onHeard = undefined) };
  }

  /** After a long blocked tick the text may be in the socket and not read yet. It is read first. */
  private tooLate(): { promise: Promise<boolean>; stop: () => void } {
    const { clock, withinMs } = this.options;
    let timer: Timer | undefined;
    const promise = new Promise<boolean>((resolve) => {
      timer = clock.setTimeout(() => clock.setImmediate(() => resolve(false)), withinMs);
    });
    return { promise, stop: () => clock.clear(timer) };
  }
}
