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
  readonly #time: VirtualClock;
  #state: ProcessState = 'runs';
  #isDeaf = false;
  #delayMs = 0;

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
    return { real: this.#time.setTimeout(this.guarded(callback), ms, options) } satisfies ProcessTimer;
  }

  setInterval(callback: () => void, ms: number, { dueAt }: IntervalOptions = {}): Timer {
    const own = dueAt && { dueAt: () => (this.#state === 'runs' ? dueAt() : undefined) };
    return { real: this.#time.setInterval(this.guarded(callback), ms, own) } satisfies ProcessTimer;
  }

  clear(timer: Timer | undefined): void {
    this.#time.clear((timer as ProcessTimer | undefined)?.real);
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
    if (this.#delayMs === 0) this.guarded(act)();
    else this.#time.setTimeout(this.guarded(act), this.#delayMs);
  }

  private guarded(act: () => void): () => void {
    return () => {
      if (this.#state === 'runs') act();
      else if (this.#state === 'frozen') this.#held.push(act);
    };
  }
}
