import type { Clock } from '../../runtime/clock.js';

/** Where a primary is, for this process: after `natMap`. */
export interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/** What one Sentinel says of the primary. */
export interface Told {
  readonly address: PrimaryAddress;
  /** Rises with each failover; undefined where the Sentinel does not say it. */
  readonly epoch: number | undefined;
}

/** Most Sentinels have to name an older primary for so long before they are believed: they were set up anew, and count from 0. */
const SET_UP_ANEW_MS = 10_000;

/**
 * Who the primary is, by the newest that any Sentinel has said to this process. A Sentinel that is cut off from the others names the
 * primary of before, which may still answer there: that one is not followed.
 */
export class SentinelView {
  private newest: Told | undefined;
  /** Sentinels that named an older primary since one named the newest. */
  private readonly behind = new Set<string>();
  private behindSince = 0;

  constructor(private readonly clock: Clock) {}

  /**
   * Whether to follow what a Sentinel says.
   *
   * @param sentinel its address
   * @param count how many Sentinels there are
   */
  hear(sentinel: string, told: Told, count: number): boolean {
    const { newest } = this;
    const isOlder = newest?.epoch !== undefined && told.epoch !== undefined && told.epoch < newest.epoch;
    if (isOlder && !this.areSetUpAnew(sentinel, count)) return isSame(told.address, newest.address);
    // With the same epoch there is the same primary, whatever it is called, or a failover is not yet over.
    if (told.epoch === undefined || told.epoch === newest?.epoch) return true;
    this.behind.clear();
    this.newest = told;
    return true;
  }

  /** Whether who was led by this is at a server that is not the primary any more. */
  isOld({ address, epoch }: Told): boolean {
    if (!this.newest || epoch === undefined) return false;
    return epoch !== this.newest.epoch && !isSame(address, this.newest.address);
  }

  private areSetUpAnew(sentinel: string, count: number): boolean {
    const now = this.clock.monotonic();
    if (this.behind.size === 0) this.behindSince = now;
    this.behind.add(sentinel);
    return this.behind.size > count / 2 && now - this.behindSince >= SET_UP_ANEW_MS;
  }
}

function isSame(one: PrimaryAddress, other: PrimaryAddress): boolean {
  return one.host === other.host && one.port === other.port;
}
