import { CallTable } from './call.table.js';
import type { Peer } from './channel.js';
import type { IncomingCall, Origin } from './incoming.call.js';
import { SeenCalls } from './seen.calls.js';

/** With 17 kB for each, these take 34 MB. */
const MOST = 2_000;

/** One of our own instances that calls this one, with what it has in hand here and had lately. */
export class KnownCaller implements Origin {
  readonly seen = new SeenCalls();
  readonly running = new CallTable<IncomingCall>();

  constructor(
    readonly from: string,
    readonly to: string,
    readonly replyChannel: string,
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

/** The instances that call this one. Idle ones are forgotten when there are many. */
export class KnownCallers {
  private readonly byAddress = new Map<string, KnownCaller>();

  constructor(private readonly ownAddress: string) {}

  find({ address }: Peer): KnownCaller | undefined {
    return this.byAddress.get(address);
  }

  of({ address, channel }: Peer): KnownCaller {
    const known = this.byAddress.get(address);
    if (known) return known;
    if (this.byAddress.size >= MOST) this.forgetIdle();
    const caller = new KnownCaller(address, this.ownAddress, channel);
    this.byAddress.set(address, caller);
    return caller;
  }

  private forgetIdle(): void {
    for (const [address, { running }] of this.byAddress)
      if (running.size === 0) this.byAddress.delete(address);
  }
}
