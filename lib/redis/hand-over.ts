import type { Clock, Timer } from '../runtime/clock.js';

/** How long a mark may take to come back on both connections, in milliseconds. */
const MARKED_WITHIN_MS = 2_000;
/** How long the messages of the first connection are held back until the second has heard the mark, in milliseconds. */
const HELD_WITHIN_MS = 500;
/** How much text is held of each connection, in UTF-16 code units. */
const MAX_HELD = 4 * 1_024 * 1_024;

/** What Redis sends to a subscriber. */
export interface Heard {
  readonly channel: string;
  readonly text: string;
  readonly isSharded: boolean;
}

export interface HandOverOptions {
  readonly clock: Clock;
  /** A text that is published while both connections are subscribed to the same channels. */
  readonly mark: string;
  readonly giveOut: (heard: Heard) => void;
  /** Puts the second connection in the place of the first one; false when that is not possible now. */
  readonly swap: () => boolean;
}

/**
 * Two connections that hear the same, until the second takes the place of the first one. Both get all messages in the same
 * order, as they are at one server. What came before the mark is given out from the first, what came after it from the
 * second: each message once, and in its order.
 *
 * ```text
 *   running ── both heard the mark ──▶ swapped
 *      └── one did not, or broke, or too much is held ──▶ kept: the first stays
 * ```
 */
export class HandOver {
  /** Whether the second connection has taken the place. */
  readonly isSwapped: Promise<boolean>;
  private state: 'running' | 'swapped' | 'kept' = 'running';
  private readonly after: { first: Heard[] | undefined; second: Heard[] | undefined } = {
    first: undefined,
    second: undefined,
  };
  private held = { first: 0, second: 0 };
  private timer: Timer;
  private settle: (isSwapped: boolean) => void = () => undefined;

  constructor(private readonly options: HandOverOptions) {
    this.timer = options.clock.setTimeout(() => this.keep(), MARKED_WITHIN_MS);
    this.isSwapped = new Promise((resolve) => {
      this.settle = (isSwapped) => {
        options.clock.clear(this.timer);
        resolve(isSwapped);
      };
    });
  }

  /** A message on the connection that is to be replaced. */
  onFirst(heard: Heard): void {
    if (this.state === 'swapped') return;
    if (heard.text === this.options.mark) this.marked('first');
    else if (this.state === 'running' && this.after.first) this.hold('first', heard);
    else this.options.giveOut(heard);
  }

  /** A message on the connection that is to take its place. */
  onSecond(heard: Heard): void {
    if (this.state === 'kept') return;
    if (heard.text === this.options.mark) this.marked('second');
    else if (this.state === 'swapped') this.options.giveOut(heard);
    else if (this.after.second) this.hold('second', heard);
  }

  /** The first connection stays. Idempotent. */
  keep(): void {
    if (this.state !== 'running') return;
    this.state = 'kept';
    this.settle(false);
    for (const heard of this.after.first ?? []) this.options.giveOut(heard);
  }

  private hurry(): void {
    const { clock } = this.options;
    clock.clear(this.timer);
    this.timer = clock.setTimeout(() => this.keep(), HELD_WITHIN_MS);
  }

  private hold(which: 'first' | 'second', heard: Heard): void {
    this.after[which]?.push(heard);
    this.held[which] += heard.text.length;
    if (this.held[which] > MAX_HELD) this.keep();
  }

  private marked(which: 'first' | 'second'): void {
    if (this.state !== 'running') return;
    if (which === 'first' && !this.after.first) this.hurry();
    this.after[which] ??= [];
    if (!this.after.first || !this.after.second) return;
    if (!this.options.swap()) return this.keep();
    this.state = 'swapped';
    for (const heard of this.after.second) this.options.giveOut(heard);
    this.settle(true);
  }
}
