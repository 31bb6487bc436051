import type { BalancerView, Instance } from '../hydra-options.js';
import type { Clock } from '../runtime/clock.js';

/** Requests under way and the time to an answer's head, by instance, as a balancer wants to know them. */
export class HttpLoads {
  private readonly waiting = new Map<string, number>();
  private readonly latencies = new WeakMap<Instance, number>();

  constructor(private readonly clock: Clock) {}

  /** A request began; the returned function says that it ended. */
  begin(instance: Instance): () => void {
    const { id } = instance;
    const startedAt = this.clock.monotonic();
    this.waiting.set(id, (this.waiting.get(id) ?? 0) + 1);
    return () => {
      const left = (this.waiting.get(id) ?? 1) - 1;
      if (left > 0) this.waiting.set(id, left);
      else this.waiting.delete(id);
      const last = this.latencies.get(instance) ?? 0;
      this.latencies.set(instance, last + (this.clock.monotonic() - startedAt - last) / 10);
    };
  }

  view(pattern: string): BalancerView {
    return {
      pattern,
      inFlight: ({ id }) => this.waiting.get(id) ?? 0,
      latencyMs: (instance) => this.latencies.get(instance) ?? 0,
    };
  }
}
