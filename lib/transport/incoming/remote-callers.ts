import { CallTable } from '../wire/call-table.js';
import type { RemoteInstance } from '../wire/remote-instances.js';
import type { IncomingCall, CallerRef } from './incoming-call.js';
import { DeniedCalls } from './denied-calls.js';
import { SeenCalls } from './seen-calls.js';

/** With 17 kB for each, these take 34 MB. */
const MAX_CALLERS = 2_000;

/** One of our own instances that calls this one, with its calls that are in progress here, and the numbers of its latest. */
export class RemoteCaller implements CallerRef {
  readonly running = new CallTable<IncomingCall>();
  private hasCalledAgain = false;

  constructor(
    readonly from: string,
    readonly to: string,
    readonly replyChannel: string,
    readonly seen: SeenCalls,
  ) {}

  /** It made a call that is not its first one. */
  calledAgain(): void {
    this.hasCalledAgain = true;
  }

  /** Whether it made another call since the last time this was read. */
  takeRegular(): boolean {
    const isRegular = this.hasCalledAgain;
    this.hasCalledAgain = false;
    return isRegular;
  }

  began(call: IncomingCall): void {
    this.running.add(call);
  }

  ended(call: IncomingCall): void {
    this.running.delete(call);
  }

  refused(call: IncomingCall): void {
    this.running.delete(call);
    // The caller may send it again, and then it is not a duplicate.
    this.seen.delete(call.id as number);
  }
}

/**
 * The instances that call this one. When there are many, idle ones are forgotten, together with the ids of their calls.
 * Only the highest of all forgotten ids is kept: no call with an id up to this one can be named `unknown`.
 */
export class RemoteCallers {
  private readonly byAddress = new Map<string, RemoteCaller>();
  private readonly denied = new DeniedCalls();
  private forgottenUpTo = 0;
  private sweepAt = MAX_CALLERS;

  constructor(private readonly ownAddress: string) {}

  find({ address }: RemoteInstance): RemoteCaller | undefined {
    return this.byAddress.get(address);
  }

  of({ address, replyChannel }: RemoteInstance): RemoteCaller {
    const known = this.byAddress.get(address);
    if (known) {
      known.calledAgain();
      return known;
    }
    if (this.byAddress.size >= this.sweepAt) this.forgetIdle();
    const seen = new SeenCalls(this.forgottenUpTo);
    const caller = new RemoteCaller(address, this.ownAddress, replyChannel, seen);
    this.byAddress.set(address, caller);
    return caller;
  }

  /** Records a call that arrived. False when it has arrived before, or is not accepted any more. */
  accept(caller: RemoteCaller, id: number): boolean {
    const { seen, from } = caller;
    if (seen.isDoubtful(id) && this.denied.has(from, id)) return false;
    return seen.add(id);
  }

  /** Whether a caller was told that this call is `unknown`. */
  isDenied({ address }: RemoteInstance, id: number): boolean {
    return this.denied.has(address, id);
  }

  /**
   * Whether this call of this caller certainly never arrived. From then on it is not accepted, because its caller may
   * have sent it to another instance.
   */
  deny(instance: RemoteInstance, id: number): boolean {
    if (this.denied.has(instance.address, id)) return true;
    const isUnknown = this.find(instance)?.seen.isUnknown(id) ?? id > this.forgottenUpTo;
    if (!isUnknown) return false;
    this.denied.add(instance.address, id);
    (this.find(instance) ?? this.of(instance)).seen.add(id);
    return true;
  }

  /** Those that did not call again since the last time; if that is not enough, all that have no call in progress. */
  private forgetIdle(): void {
    for (const caller of this.byAddress.values()) {
      if (!caller.takeRegular()) this.forget(caller);
    }
    if (this.byAddress.size > MAX_CALLERS / 2)
      for (const caller of this.byAddress.values()) this.forget(caller);
    // Where most of them are at work, looking again for each new one would cost more than it frees.
    this.sweepAt = Math.max(MAX_CALLERS, this.byAddress.size * 2);
  }

  private forget({ from, running, seen }: RemoteCaller): void {
    if (running.size > 0) return;
    this.byAddress.delete(from);
    this.forgottenUpTo = Math.max(this.forgottenUpTo, seen.last);
  }
}
