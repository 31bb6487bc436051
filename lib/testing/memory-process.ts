import type { Clock, IntervalOptions, Timer, TimerOptions } from '../runtime/clock.js';
import type { RandomSource } from '../runtime/random-source.js';
import { durationMs, type Duration } from './duration.js';
import type { VirtualClock } from './virtual-clock.js';

/** What becomes of the bytes and timers of a process. */
type ProcessState = 'runs' | 'frozen' | 'killed';

/** A connection, which may end without a word. */
interface Breakable {
  breakOff(): void;
}

interface ProcessTimer {
  real: Timer | undefined;
}

/** Whether a timer fires again. */
type Repeats = 'once' | 'again';

/**
 * One process as the tests see it: give it as the Redis location of what shall live and die together.
 *
 * ```ts
 * runs ⇄ frozen; both → killed
 * ```
 *
 * @publicApi
 */
export class MemoryProcess implements Clock {
  /** What is said to be connected to, in messages. */
  readonly host = 'memory';
  /** Its own time: it stands still with the process. */
  readonly clock: Clock = this;
  readonly #connections = new Set<Breakable>();
  readonly #held: (() => void)[] = [];
  readonly #timers = new Set<ProcessTimer>();
  readonly #time: VirtualClock;
  #state: ProcessState = 'runs';
  #isDeaf = false;
  #delayMs = 0;
  /** How many are on their way, and when the last of them arrives. */
  #delayed = 0;
  #lastArrivalAt = 0;

  /** @internal */
  constructor(
    time: VirtualClock,
    readonly random: RandomSource,
    connectorOf: (process: MemoryProcess) => unknown,
  ) {
    this.#time = time;
    this.Connector = connectorOf(this);
  }

  /** What the driver connects by. */
  readonly Connector: unknown;

  get state(): ProcessState {
    return this.#state;
  }

  /**
   * Ends it as SIGKILL does: its connections end without a word, its timers never fire, and what its code still sends is
   * dropped.
   */
  kill(): void {
    this.#state = 'killed';
    this.#held.length = 0;
    for (const { real } of this.#timers) this.#time.clear(real);
    this.#timers.clear();
    this.cut();
  }

  /** Stops it as SIGSTOP does: its connections stay open, and timers and bytes are held until {@link resume}. */
  freeze(): void {
    if (this.#state === 'runs') this.#state = 'frozen';
  }

  resume(): void {
    if (this.#state !== 'frozen') return;
    this.#state = 'runs';
    for (const act of this.#held.splice(0)) act();
  }

  /** Ends all that was done to it, unless it was killed. */
  heal(): void {
    this.#isDeaf = false;
    this.#delayMs = 0;
    this.resume();
  }

  /** Breaks its connections; it may connect again at once. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.breakOff();
    this.#connections.clear();
  }

  /** Loses what goes either way while the connections seem to stand, until it is called with false. */
  halfOpen(isDeaf = true): void {
    this.#isDeaf = isDeaf;
  }

  /** Each byte takes so much longer, in each direction; 0 ends that. */
  delay(duration: Duration): void {
    this.#delayMs = durationMs(duration);
  }

  now(): number {
    return this.#time.now();
  }

  monotonic(): number {
    return this.#time.monotonic();
  }

  setTimeout(callback: () => void, ms: number, options?: TimerOptions): Timer {
    return this.keep(callback, 'once', (act) => this.#time.setTimeout(act, ms, options));
  }

  setInterval(callback: () => void, ms: number, { dueAt }: IntervalOptions = {}): Timer {
    const own = dueAt && { dueAt: () => (this.#state === 'runs' ? dueAt() : undefined) };
    return this.keep(callback, 'again', (act) => this.#time.setInterval(act, ms, own));
  }

  clear(timer: Timer | undefined): void {
    const known = timer as ProcessTimer | undefined;
    if (!known) return;
    this.#timers.delete(known);
    this.#time.clear(known.real);
  }

  setImmediate(callback: () => void): void {
    this.#time.setImmediate(this.guarded(callback));
  }

  /** @internal */
  connected(connection: Breakable): void {
    this.#connections.add(connection);
  }

  /** @internal */
  carry(act: () => void): void {
    if (this.#isDeaf) return;
    if (this.#delayMs === 0 && this.#delayed === 0) return this.guarded(act)();
    // What is sent later arrives later, also when the delay has become shorter.
    const now = this.#time.monotonic();
    this.#lastArrivalAt = Math.max(now + this.#delayMs, this.#lastArrivalAt);
    this.#delayed++;
    const arrive = () => {
      this.#delayed--;
      this.guarded(act)();
    };
    this.#time.setTimeout(arrive, this.#lastArrivalAt - now);
  }

  /** A killed process has no timers, and sets none. */
  private keep(callback: () => void, repeats: Repeats, set: (act: () => void) => Timer): Timer {
    const timer: ProcessTimer = { real: undefined };
    if (this.#state === 'killed') return timer;
    const act = this.guarded(() => {
      if (!this.#timers.has(timer)) return;
      if (repeats === 'once') this.#timers.delete(timer);
      callback();
    });
    timer.real = set(act);
    this.#timers.add(timer);
    return timer;
  }

  private guarded(act: () => void): () => void {
    return () => {
      if (this.#state === 'runs') act();
      else if (this.#state === 'frozen') this.#held.push(act);
    };
  }
}
