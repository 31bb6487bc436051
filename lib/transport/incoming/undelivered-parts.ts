import type { Clock } from '../../runtime/clock.js';

/** A caller that lost its connection reconnects within this time, or does not get the answer. */
const RESEND_FOR_MS = 5_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 800;
/** Of parts that may have arrived no more are kept: a caller that did not receive the oldest would have granted nothing since. */
const MAX_DOUBTFUL_BYTES = 524_288;

/** A value of an answer, or its end. */
export interface Part {
  readonly text: string;
  readonly bytes: number;
  /** How many values come before it. */
  readonly number: number;
  readonly isLast: boolean;
}

/**
 * Why a part is sent again: it had no receiver, Redis could not be reached, or nothing proves that it had one.
 */
export type Undelivered = 'unreceived' | 'unsent' | 'doubtful';

/** Is told what to do with parts that were not delivered. */
export interface UndeliveredListener {
  resend(part: Part): void;
  /** These parts will not be sent again. */
  gaveUp(parts: readonly Part[]): void;
}

interface Entry {
  readonly part: Part;
  readonly isDoubtful: boolean;
}

/**
 * The parts of one answer that its caller did not receive, or may not have received, in their order. The first of them is sent
 * again after 50 ms, and then more and more rarely: when it arrives, the others follow at once. All are given up after 5 s in
 * which Redis could be reached and nothing arrived, and when the caller does not wait any more.
 */
export class UndeliveredParts {
  private entries: Entry[] = [];
  private giveUpAt = Infinity;
  private pauseMs = FIRST_PAUSE_MS;
  private isWaiting = false;
  /** The part of which a copy is under way. */
  private underWay: Part | undefined;
  private readonly deadlineAt: number;

  /** @param forMs how long the caller waits at most */
  constructor(
    private readonly clock: Clock,
    forMs: number,
    private readonly listener: UndeliveredListener,
  ) {
    this.deadlineAt = clock.monotonic() + forMs;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Whether a further part has to wait for these: one that may have arrived keeps nothing waiting. */
  get holdsBack(): boolean {
    return this.entries.some(({ isDoubtful }) => !isDoubtful);
  }

  add(part: Part, why: Undelivered): void {
    if (part === this.underWay) this.underWay = undefined;
    if (why !== 'unsent' && this.giveUpAt === Infinity)
      this.giveUpAt = this.clock.monotonic() + RESEND_FOR_MS;
    this.insert({ part, isDoubtful: why === 'doubtful' });
    this.forgetOldDoubts();
    this.wait();
  }

  /** A part that comes after these, and was not sent. */
  append(part: Part): void {
    this.insert({ part, isDoubtful: false });
  }

  /** It arrived, now or at another attempt. */
  delivered(part: Part): void {
    if (part === this.underWay) this.underWay = undefined;
    this.giveUpAt = Infinity;
    this.pauseMs = FIRST_PAUSE_MS;
    const before = this.entries.length;
    const left = this.entries.filter((entry) => entry.part !== part);
    if (left.length === before) return;
    this.entries = [];
    for (const next of left) this.listener.resend(next.part);
  }

  /** None of them is sent any more. */
  clear(): void {
    this.entries = [];
  }

  /** Parts fail in the order in which they were sent, nearly always. */
  private insert(entry: Entry): void {
    const at = this.entries.findLastIndex((other) => !isBefore(entry.part, other.part));
    if (this.entries[at]?.part === entry.part) this.entries[at] = entry;
    else this.entries.splice(at + 1, 0, entry);
  }

  private forgetOldDoubts(): void {
    let bytes = this.entries.reduce((sum, { part }) => sum + part.bytes, 0);
    while (bytes > MAX_DOUBTFUL_BYTES && this.entries[0]!.isDoubtful) {
      const { part } = this.entries.shift()!;
      bytes -= part.bytes;
      this.listener.gaveUp([part]);
    }
  }

  private wait(): void {
    if (this.isWaiting || this.underWay) return;
    this.isWaiting = true;
    this.clock.setTimeout(() => {
      this.isWaiting = false;
      this.resendFirst();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  private resendFirst(): void {
    const [first] = this.entries;
    if (!first) return;
    if (this.clock.monotonic() >= Math.min(this.giveUpAt, this.deadlineAt)) return this.giveUp();
    this.underWay = first.part;
    this.listener.resend(first.part);
  }

  private giveUp(): void {
    const { entries } = this;
    this.entries = [];
    this.giveUpAt = Infinity;
    this.listener.gaveUp(entries.map(({ part }) => part));
  }
}

function isBefore(one: Part, other: Part): boolean {
  return one.number < other.number || (one.number === other.number && !one.isLast && other.isLast);
}
