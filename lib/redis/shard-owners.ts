import { Cluster, Command } from 'ioredis';

import type { Clock } from '../runtime/clock.js';
import { slotOf } from './slot-publish.js';

/** After another node has come to own a slot, counts prove nothing for this long: subscribers follow one after the other. */
const SUBSCRIBERS_FOLLOW_MS = 10_000;
/** A node that took so long may have stood still, and may not know yet that another one has taken its place. */
const SLOW_MS = 250;
/** In INFO: with its promotion a replica keeps the id of the history that it continues. */
const NEVER_PROMOTED = /^master_replid2:0+\r?$/m;

interface Owned {
  readonly owner: string | undefined;
  /** When it was first met, or something changed about it, by the monotonic clock. */
  readonly changedAt: number;
  /** Whether a change was seen: until then the owner may show that there has been none. */
  readonly hasChanged: boolean;
}

/** What a node says about itself. */
interface Owner {
  readonly isPrimary: boolean;
  /** Whether it never was promoted since it started: nobody can still subscribe at one that it has replaced. */
  readonly isFirst: boolean;
}

/** A node that does not tell may be a replica. */
const UNKNOWN: Owner = { isPrimary: false, isFirst: false };

/**
 * Whether the count of a message within a shard says how many received it.
 *
 * A replica takes SPUBLISH as its primary does, and each message goes to all nodes of the shard. So after a failover those who subscribe
 * at one of them receive what is published at the other, and are not counted. A process that meets an owner for the first time cannot
 * know whether that was just promoted: the owner itself tells, or time has to pass.
 */
export class ShardOwners {
  private readonly known = new Map<number, Owned>();

  constructor(private readonly clock: Clock) {}

  /** Publishes or counts by `ask`; gives undefined in place of a 0 that proves nothing. Rejects as the driver does. */
  async countBy(cluster: Cluster, channel: string, ask: () => Promise<number>): Promise<number | undefined> {
    const slot = slotOf(channel);
    this.note(slot, cluster.slots[slot]?.[0]);
    const askedAt = this.clock.monotonic();
    const count = await ask();
    if (count > 0) return count;
    if (this.clock.monotonic() - askedAt > SLOW_MS) this.change(slot);
    const { isPrimary, isFirst } = await askOwner(cluster, slot);
    if (!isPrimary) {
      this.change(slot);
      cluster.refreshSlotsCache();
    }
    this.note(slot, cluster.slots[slot]?.[0]);
    return this.isSettled(slot, isFirst) ? 0 : undefined;
  }

  private isSettled(slot: number, isFirst: boolean): boolean {
    const { changedAt, hasChanged } = this.known.get(slot)!;
    return (isFirst && !hasChanged) || this.clock.monotonic() - changedAt > SUBSCRIBERS_FOLLOW_MS;
  }

  private note(slot: number, owner: string | undefined): void {
    const before = this.known.get(slot);
    if (!before || before.owner !== owner) this.put(slot, owner, before !== undefined);
  }

  private change(slot: number): void {
    this.put(slot, this.known.get(slot)?.owner, true);
  }

  private put(slot: number, owner: string | undefined, hasChanged: boolean): void {
    this.known.set(slot, { owner, changedAt: this.clock.monotonic(), hasChanged });
  }
}

/** What the node says of itself to which messages for this slot go. */
async function askOwner(cluster: Cluster, slot: number): Promise<Owner> {
  const command = new Command('info', ['replication'], { replyEncoding: 'utf8' });
  const sent = cluster.sendCommand(command, undefined, { slot }) as Promise<string>;
  return sent.then(
    (info) => ({ isPrimary: /^role:master\r?$/m.test(info), isFirst: NEVER_PROMOTED.test(info) }),
    () => UNKNOWN,
  );
}
