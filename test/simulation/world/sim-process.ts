import { outside } from '../../../lib/runtime/async-context.js';
import type { Clock, Timer } from '../../../lib/runtime/clock.js';
import type { RandomSource } from '../../../lib/runtime/random-source.js';
import { PHASES, type Phase, type SimClock } from './sim-clock.js';

interface ProcessTimer {
  at: number;
  readonly everyMs: number | undefined;
  readonly callback: () => void;
  happening: Timer | undefined;
  isLate: boolean;
}

interface Held {
  readonly phase: Phase;
  readonly at: number;
  readonly act: () => void;
}

/**
 * ```text
 *   runs ⇄ frozen; both → killed
 * ```
 */
type ProcessState = 'runs' | 'frozen' | 'killed';

/** One process: its event loop, and its time, which may be apart from that of others. */
export class SimProcess implements Clock {
  private readonly timers = new Set<ProcessTimer>();
  private held: Held[] = [];
  private life: ProcessState = 'runs';
  /** How far its wall clock is off. */
  private skewMs = 0;
  /** Until when it was not itself the last time: frozen, or its connections disturbed. */
  private disturbedUntil = -Infinity;

  constructor(
    private readonly time: SimClock,
    readonly name: string,
    readonly random: RandomSource,
  ) {}

  get state(): ProcessState {
    return this.life;
  }

  get timerCount(): number {
    return this.timers.size;
  }

  /** What its timers are for, for messages: the code that is called. */
  get timerNames(): readonly string[] {
    return [...this.timers].map(
      ({ callback, everyMs }) => `${everyMs ?? 'once'} ${String(callback).slice(0, 80)}`,
    );
  }

  /** Whether something was done to it within the last so many milliseconds. */
  wasDisturbed(withinMs: number): boolean {
    return this.life !== 'runs' || this.time.monotonic() - this.disturbedUntil <= withinMs;
  }

  /** From now until so many milliseconds later it is not itself. */
  disturb(forMs: number): void {
    this.disturbedUntil = Math.max(this.disturbedUntil, this.time.monotonic() + forMs);
  }

  /** Ends as by SIGKILL: nothing of it ever happens any more. */
  kill(): void {
    this.life = 'killed';
    for (const timer of this.timers) this.time.clear(timer.happening);
    this.timers.clear();
    this.held = [];
  }

  /** Stops as by SIGSTOP. */
  freeze(): void {
    if (this.life === 'runs') this.life = 'frozen';
  }

  /** Goes on as by SIGCONT: its late timers first, then what has arrived. */
  resume(): void {
    if (this.life !== 'frozen') return;
    this.life = 'runs';
    const now = this.time.monotonic();
    for (const { phase, act } of this.held.splice(0).toSorted((a, b) => a.at - b.at))
      this.time.at(now, phase, act);
  }

  /** Sets its wall clock off by so much. */
  skew(ms: number): void {
    this.skewMs = ms;
  }

  now(): number {
    return this.time.now() + this.skewMs;
  }

  monotonic(): number {
    return this.time.monotonic();
  }

  setTimeout(callback: () => void, ms: number): Timer {
    return this.set(callback, ms, undefined);
  }

  setInterval(callback: () => void, ms: number): Timer {
    return this.set(callback, ms, ms >= 1 ? ms : 1);
  }

  clear(timer: Timer | undefined): void {
    const known = timer as ProcessTimer | undefined;
    if (!known || !this.timers.delete(known)) return;
    this.time.clear(known.happening);
  }

  setImmediate(callback: () => void): void {
    this.happen(this.monotonic(), PHASES.immediates, () => outside(callback));
  }

  /** Has something happen in this process, as soon as it runs. */
  happen(at: number, phase: Phase, act: () => void): void {
    if (this.life === 'killed') return;
    this.time.at(at, phase, () => this.take(at, phase, act));
  }

  private take(at: number, phase: Phase, act: () => void): void {
    this.time.actor = this.name;
    if (this.life === 'runs') act();
    else if (this.life === 'frozen') this.held.push({ at, phase, act: () => this.take(at, phase, act) });
  }

  private set(callback: () => void, ms: number, everyMs: number | undefined): Timer {
    const at = this.monotonic() + (ms >= 1 ? ms : 1);
    const timer: ProcessTimer = { at, everyMs, callback, happening: undefined, isLate: false };
    if (this.life === 'killed') return timer;
    this.timers.add(timer);
    this.arm(timer);
    return timer;
  }

  private arm(timer: ProcessTimer): void {
    timer.happening = this.time.at(timer.at, PHASES.timers, () =>
      this.take(timer.at, PHASES.timers, () => this.fire(timer)),
    );
  }

  private fire(timer: ProcessTimer): void {
    if (!this.timers.has(timer)) return;
    if (timer.everyMs === undefined) this.timers.delete(timer);
    else {
      timer.at = this.monotonic() + timer.everyMs;
      this.arm(timer);
    }
    outside(timer.callback);
  }
}
