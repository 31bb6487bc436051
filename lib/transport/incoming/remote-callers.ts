import { CallTable } from '../wire/call-table.js';
import type { Peer } from '../wire/remote-instances.js';
import type { IncomingCall, Origin } from './incoming-call.js';
import { DeniedCalls } from './denied-calls.js';
import { SeenCalls } from './seen-calls.js';

/** With 17 kB for each, these take 34 MB. */
const MOST = 2_000;

/** One of our own instances that calls this one, with what it has in hand here and had lately. */
export class KnownCaller implements Origin {
  readonly running = new CallTable<IncomingCall>();
  /** It called again since idle callers were last forgotten. */
  isRegular = false;

  constructor(
    readonly from: string,
    readonly to: string,
    readonly replyChannel: string,
    readonly seen: SeenCalls,
  ) {}

  ended(call: IncomingCall): void {
    this.running.delete(call);
  }

  refused(call: IncomingCall): void {
    this.running.delete(call);
    // It may come again, and is then no repetition.
    this.seen.delete(call.id as number);
  }
}

/**
 * The instances that call this one. Idle ones are forgotten when there are many, and with them which of their calls came.
 * What stays is the highest id among all that were forgotten: up to there, nobody's call can be said never to have come.
 */
export class KnownCallers {
  private readonly byAddress = new Map<string, KnownCaller>();
  private readonly denied = new DeniedCalls();
  private forgottenUpTo = 0;
  private sweepAt = MOST;

  constructor(private readonly ownAddress: string) {}

  find({ address }: Peer): KnownCaller | undefined {
    return this.byAddress.get(address);
  }

  of({ address, replyChannel }: Peer): KnownCaller {
    const known = this.byAddress.get(address);
    if (known) {
      known.isRegular = true;
      return known;
    }
    if (this.byAddress.size >= this.sweepAt) this.forgetIdle();
    const seen = new SeenCalls(this.forgottenUpTo);
    const caller = new KnownCaller(address, this.ownAddress, replyChannel, seen);
    this.byAddress.set(address, caller);
    return caller;
  }

  /** Takes account of a call that came. False when it came before, or must not come any more. */
  accept(caller: KnownCaller, id: number): boolean {
    const { seen, from } = caller;
    if (seen.isDoubtful(id) && this.denied.has(from, id)) return false;
    return seen.add(id);
  }

  /** Whether this call was said never to have come. */
  isDenied({ address }: Peer, id: number): boolean {
    return this.denied.has(address, id);
  }

  /** Whether this call of that caller surely never came. From then on it is not accepted: its caller may have moved it. */
  deny(peer: Peer, id: number): boolean {
    if (this.denied.has(peer.address, id)) return true;
    const isUnknown = this.find(peer)?.seen.isUnknown(id) ?? id > this.forgottenUpTo;
    if (!isUnknown) return false;
    this.denied.add(peer.address, id);
    (this.find(peer) ?? this.of(peer)).seen.add(id);
    return true;
  }

  /** Those that did not call again since the last time; if that is not enough, all that have nothing in hand. */
  private forgetIdle(): void {
    for (const caller of this.byAddress.values()) {
      if (!caller.isRegular) this.forget(caller);
      caller.isRegular = false;
    }
    if (this.byAddress.size > MOST / 2) for (const caller of this.byAddress.values()) this.forget(caller);
    // Where most of them are at work, looking again for each new one would cost more than it frees.
    this.sweepAt = Math.max(MOST, this.byAddress.size * 2);
  }

  private forget({ from, running, seen }: KnownCaller): void {
    if (running.size > 0) return;
    this.byAddress.delete(from);
    this.forgottenUpTo = Math.max(this.forgottenUpTo, seen.last);
  }
}
