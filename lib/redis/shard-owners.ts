import { Cluster, Command } from 'ioredis';

import type { Clock } from '../runtime/clock.js';
import { slotOf } from './slot-publish.js';

/** After another node has come to own a slot, counts prove nothing for this long: subscribers follow one after the other. */
const SUBSCRIBERS_FOLLOW_MS = 10_000;
/** A node that took so long may have stood still, and may not know yet that another one has taken its place. */
const SLOW_MS = 250;

interface Owned {
  readonly owner: string | undefined;
  /** When something changed about it, by the monotonic clock. */
  readonly changedAt: number;
}

/**
 * Whether the count of a message within a shard says how many received it.
 *
 * A replica takes SPUBLISH as its primary does, and each message goes to all nodes of the shard. So after a failover those who subscribe
 * at one of them receive what is published at the other, and are not counted.
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
    if (!(await isPrimary(cluster, slot))) {
      this.change(slot);
      cluster.refreshSlotsCache();
    }
    this.note(slot, cluster.slots[slot]?.[0]);
    return this.isSettled(slot) ? 0 : undefined;
  }

  private isSettled(slot: number): boolean {
    const { changedAt = -Infinity } = this.known.get(slot) ?? {};
    return this.clock.monotonic() - changedAt > SUBSCRIBERS_FOLLOW_MS;
  }

  private note(slot: number, owner: string | undefined): void {
    const before = this.known.get(slot);
    if (!before) this.known.set(slot, { owner, changedAt: -Infinity });
    else if (before.owner !== owner) this.known.set(slot, { owner, changedAt: this.clock.monotonic() });
  }

  private change(slot: number): void {
    this.known.set(slot, { owner: this.known.get(slot)?.owner, changedAt: this.clock.monotonic() });
  }
}

/** What the node says to which messages for this slot go. Where it does not tell, it may be a replica. */
async function isPrimary(cluster: Cluster, slot: number): Promise<boolean> {
  const command = new Command('info', ['replication'], { replyEncoding: 'utf8' });
  const sent = cluster.sendCommand(command, undefined, { slot }) as Promise<string>;
  return sent.then(
    (info) => /^role:master\r?$/m.test(info),
    () => false,
  );
}
