import type { Instance, ResolvedOptions } from '../hydra.options.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { stickTo } from '../registry/select.js';
import { CircuitBreaker } from './circuit.breaker.js';
import { InstanceLoads } from './instance.load.js';
import type { CallRequest, Route } from './outgoing.call.js';

/** After a reconnect everybody else reconnects too: for this long, nobody listening does not mean that nobody is there. */
const REGATHER_MS = 2_000;

/** Chooses the instance for a call, and learns from how calls end. */
export class InstanceChooser {
  readonly loads = new InstanceLoads();
  readonly breaker: CircuitBreaker;

  constructor(
    private readonly redis: RedisConnections,
    options: ResolvedOptions,
  ) {
    this.breaker = new CircuitBreaker(options.breaker);
  }

  /** The connection is new, and others may be about to come back: better wait than give up. */
  get isRegathering(): boolean {
    return this.redis.restoredForMs() < REGATHER_MS;
  }

  /** One that may take the call and is not among the tried; undefined when there is none. */
  choose(
    { pattern, key }: CallRequest,
    { view, balancer, asksAlways, selection, instanceId }: Route,
    tried?: ReadonlySet<string>,
  ): Instance | undefined {
    const there = view.servers.length === 0 && this.isRegathering ? view.suspectServers : view.servers;
    const all = selection ? selection.of(there) : there;
    const bound = instanceId === undefined ? all : view.instances.filter(({ id }) => id === instanceId);
    const fresh = tried ? bound.filter(({ id }) => !tried.has(id)) : bound;
    const allowed = instanceId === undefined ? this.breaker.allow(fresh) : fresh;
    if (key !== undefined) return stickTo(key, allowed);
    const isSettled = allowed.length === 0 || (allowed.length === 1 && !asksAlways);
    return isSettled ? allowed[0] : balancer(allowed, this.loads.view(pattern));
  }

  /** A call was sent there. */
  sent({ id }: Instance): void {
    this.loads.sent(id);
    this.breaker.sent(id);
  }

  /** It left the instance; `answeredAt`, an instant, when that answered. */
  ended({ id }: Instance, sentAt: number, answeredAt: number | undefined): void {
    if (answeredAt === undefined) this.loads.ended(id);
    else this.loads.ended(id, answeredAt - sentAt, answeredAt);
    if (answeredAt === undefined) this.breaker.ended(id);
    else this.breaker.succeeded(id);
  }

  /** It ended because of the instance, not of what its handler said. */
  failed({ id }: Instance): void {
    this.breaker.failed(id);
  }

  /** It has left: nothing of it is remembered. */
  forget(id: string): void {
    this.loads.forget(id);
    this.breaker.forget(id);
  }
}
