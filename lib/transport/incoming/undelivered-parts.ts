import type { Clock } from '../../runtime/clock.js';

/** A caller that lost its connection reconnects within this time, or does not get the answer. */
const RESEND_FOR_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 400;

/** A value of an answer, or its end. */
export interface Part {
  readonly text: string;
  readonly bytes: number;
  /** How many values come before it. */
  readonly number: number;
  readonly isLast: boolean;
}

/** Is told what to do with parts that were not delivered. */
export interface UndeliveredListener {
  resend(part: Part): void;
  /** Its caller is not there, or does not hear: these parts will not be sent. */
  gaveUp(parts: readonly Part[]): void;
}

/**
 * The parts of one answer that its caller did not receive, in their order. While there are some, the first of them is sent
 * again after 50 ms, and then more and more rarely: when it arrives, the others follow at once. After 5 s in which nothing
 * arrived, all are given up.
 */
export class UndeliveredParts {
  private parts: Part[] = [];
  private giveUpAt = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private isWaiting = false;

  constructor(
    private readonly clock: Clock,
    private readonly listener: UndeliveredListener,
  ) {}

  /** Whether a further part has to wait for these. */
  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  add(part: Part): void {
    const { parts } = this;
    this.giveUpAt ||= this.clock.monotonic() + RESEND_FOR_MS;
    if (!parts.includes(part)) parts.splice(this.placeOf(part), 0, part);
    this.wait();
  }

  /** It arrived, now or at another attempt. */
  delivered(part: Part): void {
    this.giveUpAt = 0;
    this.pauseMs = FIRST_PAUSE_MS;
    const at = this.parts.indexOf(part);
    if (at < 0) return;
    this.parts.splice(at, 1);
    const { parts } = this;
    this.parts = [];
    for (const next of parts) this.listener.resend(next);
  }

  /** None of them is sent any more. */
  clear(): void {
    this.parts = [];
  }

  /** Parts fail in the order in which they were sent, nearly always. */
  private placeOf(part: Part): number {
    return this.parts.findLastIndex((other) => isBefore(other, part)) + 1;
  }

  private wait(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.clock.setTimeout(() => {
      this.isWaiting = false;
      this.resendFirst();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private resendFirst(): void {
    const [first] = this.parts;
    if (!first) return;
    if (this.giveUpAt === 0 || this.clock.monotonic() < this.giveUpAt) return this.listener.resend(first);
    const { parts } = this;
    this.parts = [];
    this.giveUpAt = 0;
    this.listener.gaveUp(parts);
  }
}

function isBefore(one: Part, other: Part): boolean {
  return one.number < other.number || (one.number === other.number && !one.isLast);
}
