import type { Instance, ResolvedOptions } from '../../hydra-options.js';
import type { Clock } from '../../runtime/clock.js';
import type { HealthFindings } from '../../runtime/health-contributors.js';

/**
 * The circuit of one instance: `closed` gets calls, `open` gets none until `openUntil`, `half-open` gets one call as a
 * test.
 *
 * @publicApi
 */
export interface CircuitState {
  /** The instance that calls go to. */
  readonly instanceId: string;
  /** The service that it is an instance of. */
  readonly service: string;
  /** `closed`: it is called; `open`: it is not; `half-open`: one call tries whether it answers again. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Calls that failed in a row because of the instance, not of what its handler said. */
  readonly failures: number;
  /** The instant, by `clock.monotonic()`, at which it is tried again; 0 unless it is open. */
  readonly openUntil: number;
}

interface Circuit {
  readonly service: string;
  failures: number;
  ejections: number;
  openUntil: number;
  isTrying: boolean;
}

/** How often the time out is doubled at most. */
const MAX_DOUBLINGS = 5;

/**
 * Leaves out instances that are alive and fail repeatedly: calls to them time out, they vanish with calls in progress,
 * or they are overloaded. After a while one call is sent as a test, and its result decides. When too many instances are
 * left out, the cause is probably somewhere else, and all are used (the panic rule).
 */
export class CircuitBreaker {
  private readonly circuits = new Map<string, Circuit>();
  private openCount = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: ResolvedOptions['breaker'],
  ) {}

  /** The instances that may be called. The same array if none is left out. */
  allow(instances: readonly Instance[]): readonly Instance[] {
    if (this.openCount === 0) return instances;
    const now = this.clock.monotonic();
    const allowed = instances.filter(({ id }) => this.mayPass(id, now));
    const isPanic = instances.length - allowed.length > instances.length * this.options.panicShare;
    return isPanic ? instances : allowed;
  }

  /** A call is sent. While it tests a half-open instance, that instance gets no other call. */
  sent(id: string): void {
    const circuit = this.openCount === 0 ? undefined : this.circuits.get(id);
    if (circuit && circuit.openUntil > 0) circuit.isTrying = true;
  }

  /** The instance answered, whatever the answer was. True when this closes its circuit. */
  succeeded(id: string): boolean {
    if (this.circuits.size === 0) return false;
    const circuit = this.circuits.get(id);
    if (!circuit) return false;
    const wasOpen = circuit.openUntil > 0;
    if (wasOpen) this.openCount--;
    this.circuits.delete(id);
    return wasOpen;
  }

  /**
   * A call left the instance without a result (it was cancelled or sent to another instance). If it was the test, the
   * next call is the test.
   */
  ended(id: string): void {
    const circuit = this.openCount === 0 ? undefined : this.circuits.get(id);
    if (circuit) circuit.isTrying = false;
  }

  /** A call to the instance failed because of the instance. True when it is left out from now on. */
  failed(id: string, service = ''): boolean {
    const { failures, ejectMs } = this.options;
    if (failures === 0) return false;
    const circuit = this.circuits.get(id) ?? newCircuit(service);
    this.circuits.set(id, circuit);
    circuit.failures++;
    circuit.isTrying = false;
    if (circuit.failures < failures) return false;
    const wasOpen = circuit.openUntil > 0;
    if (!wasOpen) this.openCount++;
    circuit.openUntil = this.clock.monotonic() + ejectMs * 2 ** Math.min(circuit.ejections, MAX_DOUBLINGS);
    circuit.ejections++;
    return !wasOpen;
  }

  /** The instance has left. */
  forget(id: string): void {
    this.succeeded(id);
  }

  /** Every instance that has failed lately. */
  states(): readonly CircuitState[] {
    const now = this.clock.monotonic();
    return [...this.circuits].map(([instanceId, { service, failures, openUntil }]) => ({
      instanceId,
      service,
      state: openUntil === 0 ? 'closed' : openUntil > now ? 'open' : 'half-open',
      failures,
      openUntil,
    }));
  }

  /** The instances that are left out, for the health of this process: `<service>/<id>` each. */
  get findings(): HealthFindings {
    if (this.openCount === 0) return {};
    const left = this.states().filter(({ state }) => state !== 'closed');
    return { activity: Object.fromEntries(left.map((one) => [`${one.service}/${one.instanceId}`, 1])) };
  }

  private mayPass(id: string, now: number): boolean {
    const circuit = this.circuits.get(id);
    if (!circuit || circuit.openUntil === 0) return true;
    return circuit.openUntil <= now && !circuit.isTrying;
  }
}

function newCircuit(service: string): Circuit {
  return { service, failures: 0, ejections: 0, openUntil: 0, isTrying: false };
}
