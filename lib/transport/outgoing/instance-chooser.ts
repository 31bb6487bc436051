import type { Instance } from '../../hydra-options.js';
import type { Context } from '../../redis/context.js';
import { breakerState } from '../../diagnostics/channels.js';
import { isInReconnectGrace } from '../../registry/reconnect-grace.js';
import { pickByKey } from '../../registry/discovery/selection.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { InstanceLoads } from './instance-loads.js';
import type { CallRequest, CallTarget } from './outgoing-call.js';

/** An instance between two connections is back within this time, or it is gone. */
const RETURN_MS = 1_000;
/** Where several servers may share the keys, its slot may have moved: its connection then has to find who has that now. */
const RETURN_SHARDED_MS = 3_000;
const NONE: readonly Instance[] = Object.freeze([]);

/** Chooses the instance for a call, and learns from the results of calls. */
export class InstanceChooser {
  readonly loads: InstanceLoads;
  readonly breaker: CircuitBreaker;

  constructor(private readonly context: Pick<Context, 'id' | 'redis' | 'options' | 'clock'>) {
    const { clock, options } = context;
    this.loads = new InstanceLoads(clock);
    this.breaker = new CircuitBreaker(clock, options.breaker);
  }

  /** An instance that may get the call and was not tried yet; undefined when there is none. */
  choose(
    { pattern, key }: CallRequest,
    target: CallTarget,
    tried?: ReadonlySet<string>,
  ): Instance | undefined {
    const { balancer, asksAlways, instanceId } = target;
    const there = reachable(target);
    const fresh = tried ? there.filter(({ id }) => !tried.has(id)) : there;
    const allowed = instanceId === undefined ? this.breaker.allow(fresh) : fresh;
    if (key !== undefined) return pickByKey(key, allowed);
    const isSettled = allowed.length === 0 || (allowed.length === 1 && !asksAlways);
    return isSettled ? allowed[0] : balancer(allowed, this.loads.view(pattern));
  }

  /**
   * How long a call may wait when no instance can get it, in milliseconds: for instances that were not reached, or,
   * after a reconnect, for any instance. 0 when no instance is known, and when an instance is there that refused the
   * call.
   *
   * @param mayQueue the call has a fallback, and keeps half of its time for that
   */
  patienceMs({ timeoutMs }: CallRequest, target: CallTarget, mayQueue: boolean): number {
    if (reachable(target).length > 0) return 0;
    if (isInReconnectGrace(this.context.redis)) return mayQueue ? timeoutMs / 2 : timeoutMs;
    const returnMs = this.context.redis.isSharded ? RETURN_SHARDED_MS : RETURN_MS;
    return unreached(target).length > 0 ? Math.min(returnMs, timeoutMs / 2) : 0;
  }

  /** A call was sent there. */
  sent({ id }: Instance): void {
    this.loads.sent(id);
    this.breaker.sent(id);
  }

  /** A call left the instance; `answeredAt` is the time of its answer, if it answered. */
  ended({ id, service }: Instance, sentAt: number, answeredAt: number | undefined): void {
    if (answeredAt === undefined) this.loads.ended(id);
    else this.loads.ended(id, answeredAt - sentAt, answeredAt);
    if (answeredAt === undefined) this.breaker.ended(id);
    else if (this.breaker.succeeded(id)) this.report(id, service, 'closed');
  }

  /** A call failed because of the instance, and not because of its handler. */
  failed({ id, service }: Instance): void {
    if (this.breaker.failed(id, service)) this.report(id, service, 'open');
  }

  /** The instance has left the registry: it is forgotten. */
  forget(id: string): void {
    this.loads.forget(id);
    this.breaker.forget(id);
  }

  private report(targetId: string, service: string, state: 'closed' | 'open'): void {
    if (!breakerState.hasSubscribers) return;
    const failures = this.breaker.states().find(({ instanceId }) => instanceId === targetId)?.failures ?? 0;
    breakerState.publish({ instanceId: this.context.id, targetId, service, state, failures });
  }
}

/** Instances that match and are not suspected. */
function reachable({ view, selection, instanceId }: CallTarget): readonly Instance[] {
  if (instanceId !== undefined) {
    return view.instances.filter((instance) => instance.id === instanceId && !view.isSuspect(instance));
  }
  const { servers } = view;
  // Either all of them are suspected or none is.
  if (servers.length > 0 && view.isSuspect(servers[0]!)) return NONE;
  return selection ? selection.of(servers) : servers;
}

/** Instances that match and were not reached lately. */
function unreached({ view, selection, instanceId }: CallTarget): readonly Instance[] {
  if (instanceId !== undefined) return view.unreached.filter(({ id }) => id === instanceId);
  return selection ? selection.of(view.unreached) : view.unreached;
}
