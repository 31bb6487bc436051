import type { RandomSource } from '../../../lib/runtime/random-source.js';
import { PHASES, type SimClock } from './sim-clock.js';

/** How long bytes are on their way, in milliseconds. */
const MIN_LATENCY_MS = 0.05;
const SPREAD_MS = 0.5;
/** One in so many takes much longer. */
const SLOW_ONE_IN = 60;
const SLOW_MS = 12;
/** Bytes of one direction stay in their order. */
const APART_MS = 0.001;

/** The network of one process: how long its bytes take, and what becomes of them. */
export class SimNetwork {
  private extraMs = 0;
  private heldUntil = 0;
  /** Nothing passes, and nobody is told. */
  private isDeaf = false;

  constructor(
    private readonly clock: SimClock,
    private readonly random: RandomSource,
  ) {}

  get losesAll(): boolean {
    return this.isDeaf;
  }

  loseAll(isDeaf: boolean): void {
    this.isDeaf = isDeaf;
  }

  /** Everything takes so much longer from here on. */
  slow(ms: number): void {
    this.extraMs = ms;
  }

  /** Nothing arrives before so many milliseconds have passed; then all of it does. */
  hold(ms: number): void {
    this.heldUntil = Math.max(this.heldUntil, this.clock.monotonic() + ms);
  }

  /** When bytes that leave now arrive. */
  arrival(): number {
    const { random } = this;
    const isSlow = random.float() * SLOW_ONE_IN < 1;
    const tookMs = MIN_LATENCY_MS + random.float() * (isSlow ? SLOW_MS : SPREAD_MS);
    return Math.max(this.clock.monotonic() + tookMs + this.extraMs, this.heldUntil);
  }
}

/** One direction of a connection: what is sent arrives later, in its order. */
export class SimDirection {
  private lastAt = 0;

  constructor(
    private readonly network: SimNetwork,
    private readonly deliver: (at: number, act: () => void) => void,
  ) {}

  send(act: () => void): void {
    this.lastAt = Math.max(this.network.arrival(), this.lastAt + APART_MS);
    this.deliver(this.lastAt, act);
  }
}

/** Delivers to something that is no process. */
export function inTime(clock: SimClock): (at: number, act: () => void) => void {
  return (at, act) => void clock.at(at, PHASES.input, act);
}
