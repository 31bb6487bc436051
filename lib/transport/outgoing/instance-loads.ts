import type { BalancerView, Instance } from '../../hydra-options.js';
import type { Load } from '../../protocol/rpc.js';
import type { Clock } from '../../runtime/clock.js';

interface Seen {
  /** Calls of this process that wait for the instance's answer. */
  waiting: number;
  /** Moving average of the answers' time, in ms. */
  latencyMs: number;
  latencyAt: number;
  /** The load that the instance reported last, and when. */
  reported: number;
  reportedAt: number;
}

/** Increases count at once, decreases are smoothed. */
const SMOOTHING = 0.1;
/** The load that an instance reported is used for this long. */
const REPORT_LIFE_MS = 250;
/** A latency halves with each of these without an answer: one slow answer must not keep an instance idle for long. */
const HALF_LIFE_MS = 1_000;

/** How busy each instance is, as far as this process knows: its own calls in flight, and the load that frames report. */
export class InstanceLoads {
  private readonly byId = new Map<string, Seen>();

  constructor(private readonly clock: Clock) {}

  /** How many instances are remembered. */
  get size(): number {
    return this.byId.size;
  }

  sent(id: string): void {
    this.of(id).waiting++;
  }

  /** A call ended; `latencyMs` when an answer came. */
  ended(id: string, latencyMs?: number, now = this.clock.monotonic()): void {
    const seen = this.byId.get(id);
    if (!seen) return;
    seen.waiting = Math.max(0, seen.waiting - 1);
    if (latencyMs === undefined) return;
    const before = faded(seen, now);
    const weight = latencyMs > before ? 0.5 : SMOOTHING;
    seen.latencyMs = before === 0 ? latencyMs : before + weight * (latencyMs - before);
    seen.latencyAt = now;
  }

  report(id: string, [inFlight]: Load): void {
    const seen = this.byId.get(id);
    if (!seen) return;
    seen.reported = inFlight;
    seen.reportedAt = this.clock.monotonic();
  }

  forget(id: string): void {
    this.byId.delete(id);
  }

  view(pattern: string): BalancerView {
    const now = this.clock.monotonic();
    return {
      pattern,
      inFlight: ({ id }: Instance) => {
        const seen = this.byId.get(id);
        if (!seen) return 0;
        return now - seen.reportedAt < REPORT_LIFE_MS ? Math.max(seen.waiting, seen.reported) : seen.waiting;
      },
      latencyMs: ({ id }: Instance) => {
        const seen = this.byId.get(id);
        if (!seen) return 0;
        // While the call that tries it is under way, others keep to what was last seen.
        return seen.waiting > 0 ? seen.latencyMs : faded(seen, now);
      },
    };
  }

  private of(id: string): Seen {
    let seen = this.byId.get(id);
    if (!seen) {
      seen = { waiting: 0, latencyMs: 0, latencyAt: 0, reported: 0, reportedAt: -Infinity };
      this.byId.set(id, seen);
    }
    return seen;
  }
}

function faded({ latencyMs, latencyAt }: Seen, now: number): number {
  return latencyMs * 0.5 ** ((now - latencyAt) / HALF_LIFE_MS);
}
