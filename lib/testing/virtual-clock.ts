import { HydraError } from '../hydra-error.js';
import { outside } from '../runtime/async-context.js';
import {
  systemClock,
  type Clock,
  type IntervalOptions,
  type Timer,
  type TimerOptions,
} from '../runtime/clock.js';
import { durationMs, type Duration } from './duration.js';
import { Quiet } from './quiet.js';

/** How far {@link VirtualClock.runToIdle} moves at most. */
const MAX_IDLE: Duration = '30 d';

/** How often {@link VirtualClock.runUntil} looks, a few milliseconds apart, where nothing is due. */
const MAX_IDLE_LOOKS = 200;
const LOOK_EVERY_MS = 5;

/** @publicApi */
export interface VirtualClockOptions {
  /** Whether time also passes by itself, as on the wall; false: only as it is told. @defaultValue true */
  readonly runs?: boolean;
  /** Milliseconds since 1970 at the beginning. @defaultValue now; 1,700,000,000,000 where it does not run by itself */
  readonly startAt?: number;
}

interface VirtualTimer {
  at: number;
  readonly order: number;
  readonly everyMs: number | undefined;
  readonly isUpkeep: boolean;
  /** When an interval has something to do next. */
  readonly dueAt?: (() => number | undefined) | undefined;
  readonly keepsAlive: boolean;
  readonly callback: () => void;
  /** What fires it where time passes by itself. */
  real: Timer | undefined;
}

/**
 * Time in one's hands: it passes by itself, unless it is told not to, and can be moved forward by hours at once. Whatever
 * is due on the way happens in its order.
 *
 * What only keeps something alive (heartbeats, PINGs, looks at whether all is well) is done once for each stretch in which
 * nothing else is due, so that hours cost no more than minutes; and no key ends before whoever keeps it could renew it.
 *
 * @publicApi
 */
export class VirtualClock implements Clock {
  readonly isMoved = true;
  /** What is under way in this process, to wait for its end. @internal */
  readonly quiet = new Quiet();
  private readonly timers = new Set<VirtualTimer>();
  private readonly followers = new Set<(ms: number) => unknown>();
  private readonly runs: boolean;
  private readonly startAt: number;
  private readonly base: number;
  /** While it is moved, and where it does not run by itself, the time; else undefined. */
  private held: number | undefined;
  /** How far it is ahead of the system's clock. */
  private ahead = 0;
  private livesHeldAt: number | undefined;
  private order = 0;
  private moving: Promise<void> = Promise.resolve();

  constructor({ runs = true, startAt }: VirtualClockOptions = {}) {
    this.runs = runs;
    this.startAt = startAt ?? (runs ? systemClock.now() : 1_700_000_000_000);
    this.base = runs ? systemClock.monotonic() : 0;
    if (!runs) this.held = 0;
  }

  now(): number {
    return Math.floor(this.startAt + this.monotonic() - this.base);
  }

  monotonic(): number {
    return this.held ?? systemClock.monotonic() + this.ahead;
  }

  /** The time by which keys end: it waits until whoever keeps them could renew them. @internal */
  get livesBehindMs(): number {
    return this.livesHeldAt === undefined ? 0 : this.monotonic() - this.livesHeldAt;
  }

  setTimeout(callback: () => void, ms: number, { ref = false, isUpkeep = false }: TimerOptions = {}): Timer {
    return this.set({ callback, ms, everyMs: undefined, keepsAlive: ref, isUpkeep });
  }

  setInterval(callback: () => void, ms: number, { dueAt }: IntervalOptions = {}): Timer {
    const everyMs = Math.max(1, ms);
    return this.set({ callback, ms, everyMs, keepsAlive: false, isUpkeep: dueAt === undefined, dueAt });
  }

  clear(timer: Timer | undefined): void {
    const known = timer as VirtualTimer | undefined;
    if (!known || !this.timers.delete(known)) return;
    systemClock.clear(known.real);
  }

  setImmediate(callback: () => void): void {
    this.quiet.touch();
    systemClock.setImmediate(callback);
  }

  /** How many timers are set. */
  get timerCount(): number {
    return this.timers.size;
  }

  /**
   * Moves on by so long, and resolves when all that was due on the way has happened, as far as it needs nothing from outside
   * this process.
   *
   * @throws HydraError `BAD_OPTION` for what is no duration
   */
  async advance(duration: Duration): Promise<void> {
    const ms = durationMs(duration);
    await this.move(async () => this.goTo(this.monotonic() + ms));
  }

  /**
   * Moves on until nothing is due any more but what keeps things alive.
   *
   * @param limit how far at most @defaultValue 30 days
   * @returns how many milliseconds it went
   * @throws HydraError `TIMEOUT` when there was still something to come then, as with a schedule that never ends
   */
  async runToIdle(limit: Duration = MAX_IDLE): Promise<number> {
    const limitMs = durationMs(limit);
    let went = 0;
    await this.move(async () => {
      const from = this.monotonic();
      for (let next = this.nextWork(Infinity); next; next = this.nextWork(Infinity)) {
        went = timeOf(next) - from;
        if (went > limitMs)
          throw new HydraError('TIMEOUT', `runToIdle: something is still to come after ${String(limit)}`);
        await this.goTo(timeOf(next));
      }
    });
    return went;
  }

  /**
   * Moves on, from one thing that is due to the next, until something is so. Where nothing is due it waits for up to a second
   * of real time for what is under way outside.
   *
   * @param isSo asked before the first step and after each; it must not move the time itself
   * @param limit how far at most @defaultValue 30 days
   * @returns how many milliseconds it went
   * @throws HydraError `TIMEOUT` when it is not so then, or nothing is due that could make it so; what `isSo` throws
   */
  async runUntil(isSo: () => boolean | Promise<boolean>, limit: Duration = MAX_IDLE): Promise<number> {
    const limitMs = durationMs(limit);
    let went = 0;
    await this.move(async () => {
      const startedAt = this.monotonic();
      for (let idleTimes = 0; !(await isSo());) {
        const next = this.nextWork(startedAt + limitMs);
        if (next) {
          await this.goTo(timeOf(next));
          went = this.monotonic() - startedAt;
        } else if (idleTimes++ < MAX_IDLE_LOOKS) await realTick();
        else
          throw new HydraError('TIMEOUT', `runUntil: it is not so, and nothing more is due within ${limit}`);
      }
    });
    return went;
  }

  /**
   * Takes other timers along, such as those of `@sinonjs/fake-timers`: it is called with the milliseconds of each stretch,
   * and waited for. What it throws ends the move, and is thrown by whoever moves the time.
   *
   * @returns stops that
   */
  onAdvance(follower: (ms: number) => unknown): () => void {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  }

  private set({
    ms,
    ...timer
  }: Pick<VirtualTimer, 'callback' | 'dueAt' | 'everyMs' | 'keepsAlive' | 'isUpkeep'> & {
    ms: number;
  }): Timer {
    const delayMs = Number.isNaN(ms) ? 0 : Math.max(0, ms);
    const set: VirtualTimer = {
      ...timer,
      at: this.monotonic() + delayMs,
      order: this.order++,
      real: undefined,
    };
    // A timer serves many, or lives longer than the request that happened to set it.
    const { callback } = timer;
    const own: VirtualTimer = Object.assign(set, { callback: () => outside(callback) });
    this.timers.add(own);
    this.quiet.touch();
    if (this.held === undefined) this.arm(own);
    return own;
  }

  private arm(timer: VirtualTimer): void {
    const leftMs = Math.max(0, timer.at - this.monotonic());
    timer.real = systemClock.setTimeout(
      () => {
        // It has a longest wait.
        if (timer.at - this.monotonic() > 1) this.arm(timer);
        else this.fire(timer);
      },
      leftMs,
      { ref: timer.keepsAlive },
    );
  }

  private fire(timer: VirtualTimer): void {
    if (!this.timers.has(timer)) return;
    if (timer.everyMs === undefined) this.timers.delete(timer);
    else {
      timer.at = Math.max(timer.at, this.monotonic()) + timer.everyMs;
      if (this.held === undefined) this.arm(timer);
    }
    timer.callback();
  }

  /** One after the other: time cannot be moved twice at once. */
  private move(act: () => Promise<void>): Promise<void> {
    const moved = this.moving.then(async () => {
      this.hold();
      try {
        await this.quiet.settled();
        await act();
      } finally {
        this.release();
      }
    });
    this.moving = moved.catch(() => undefined);
    return moved;
  }

  private hold(): void {
    this.held = this.monotonic();
    for (const timer of this.timers) systemClock.clear(timer.real);
  }

  private release(): void {
    if (!this.runs) return;
    this.ahead = this.held! - systemClock.monotonic();
    this.held = undefined;
    for (const timer of this.timers) this.arm(timer);
  }

  private async goTo(end: number): Promise<void> {
    for (let next = this.nextWork(end); next; next = this.nextWork(end)) {
      await this.skipTo(timeOf(next));
      // What keeps alive may have made it needless.
      this.fire(next);
      await this.quiet.settled();
    }
    await this.skipTo(end);
  }

  /** A stretch in which nothing is due but upkeep. */
  private async skipTo(at: number): Promise<void> {
    const from = this.held!;
    if (at <= from) return;
    const upkeep = [...this.timers].filter((timer) => timer.isUpkeep && timer.at <= at).toSorted(byTime);
    this.livesHeldAt = from;
    this.held = at;
    try {
      // First: what upkeep begins, begins at the end of the stretch.
      for (const follower of this.followers) await follower(at - from);
      await this.keepUp(upkeep);
    } finally {
      this.livesHeldAt = undefined;
    }
    await this.quiet.settled();
  }

  private async keepUp(upkeep: readonly VirtualTimer[]): Promise<void> {
    for (const timer of upkeep) {
      this.fire(timer);
      await this.quiet.settled();
    }
  }

  private nextWork(end: number): VirtualTimer | undefined {
    let next: VirtualTimer | undefined;
    for (const timer of this.timers) {
      if (!timer.isUpkeep && timeOf(timer) <= end && (!next || byTime(timer, next) < 0)) next = timer;
    }
    return next;
  }
}

function realTick(): Promise<void> {
  return new Promise((resolve) => {
    systemClock.setTimeout(resolve, LOOK_EVERY_MS, { ref: true });
  });
}

function byTime(a: VirtualTimer, b: VirtualTimer): number {
  return timeOf(a) - timeOf(b) || a.order - b.order;
}

function timeOf(timer: VirtualTimer): number {
  // An interval runs no more often than it says, whatever it leaves undone.
  return timer.dueAt ? Math.max(timer.at, timer.dueAt() ?? Infinity) : timer.at;
}
