import type { Clock, Timer } from '../../runtime/clock.js';
import { REPLY_SHARE, SMALL_REPLY } from '../../protocol/rpc.js';

/** The share of an answer that keeps asking for more grows up to this. */
const LARGEST_SHARE = 262_144;
/** The grants of a call that was given up count for this long, unless its instance says earlier that it sends no more. */
const ABANDONED_FOR_MS = 10_000;
/**
 * The share of a new call is this part of the free shares: with the default window the first 32 calls get the whole
 * share.
 */
const PART = 32;

/** The credit of one attempt of a call: the bytes that its answer may send, counted from its beginning. */
export interface ReplyCredit<Call> {
  readonly call: Call;
  /** Bytes that need no grant; 0 when it is closed. */
  readonly share: number;
  /** Bytes that it may send in all. */
  readonly granted: number;
  /** The last grant that was sent to the instance; 0 before the first one. */
  readonly told: number;
}

interface Account<Call> extends ReplyCredit<Call> {
  share: number;
  granted: number;
  told: number;
  /** Bytes that the subscriber's `next` has taken. */
  taken: number;
  /** Requested bytes that were granted and are not taken yet. */
  asked: number;
  /** The grant that it waits for; 0 when it waits for none. */
  wanted: number;
}

/** The members of a call that this window needs. */
export interface CreditedCall {
  readonly id: number;
  /** Values received so far. */
  readonly received: number;
}

interface Abandoned {
  readonly bytes: number;
  readonly timer: Timer;
}

/**
 * Limits the bytes of all answers that are on their way to this process. Redis buffers what a subscriber has not read
 * yet. When that is too much, Redis closes the connection, and all answers are lost.
 *
 * One half is for the shares that calls get when they are sent; a streamed reply is granted its share again when its
 * values were taken. The other half is for answers that request a grant, in the order of their requests. Each gets
 * exactly the bytes that it has ready to send, so an idle answer holds none of them.
 */
export class ReplyWindow<Call extends CreditedCall> {
  private readonly half: number;
  private freeShares: number;
  private freeGrants: number;
  private readonly waiting = new Set<Account<Call>>();
  private readonly abandoned = new Map<unknown, Abandoned>();

  constructor(
    private readonly clock: Clock,
    bytes: number,
    /** Sends a grant to the instance of a call. */
    private readonly sendGrant: (call: Call, granted: number) => void,
  ) {
    this.half = Math.floor(bytes / 2);
    this.freeShares = this.freeGrants = this.half;
  }

  /** A call is sent: returns its credit, with its share. */
  open(call: Call): ReplyCredit<Call> {
    const part = Math.floor(this.freeShares / PART);
    const share = part >= REPLY_SHARE ? REPLY_SHARE : Math.max(SMALL_REPLY, part);
    this.freeShares -= reserved(share);
    const account: Account<Call> = { call, share, granted: share, told: 0, taken: 0, asked: 0, wanted: 0 };
    return account;
  }

  /**
   * The call is over, or leaves its instance. True when granted bytes may still be on their way: they count until
   * {@link settled} is called.
   */
  close(credit: ReplyCredit<Call>, isAnswered: boolean): boolean {
    const account = credit as Account<Call>;
    this.freeShares += reserved(account.share);
    account.share = 0;
    const { asked, wanted } = account;
    // Most answers never request a grant.
    if (asked === 0 && wanted === 0) return false;
    this.waiting.delete(account);
    account.asked = account.wanted = 0;
    const isAbandoned = asked > 0 && !isAnswered;
    if (isAbandoned) this.abandon(account.call.id, asked);
    else this.freeGrants += asked;
    this.serve();
    return isAbandoned;
  }

  /** An instance has finished these calls, and everything that it sent for them has arrived. */
  settled(ids: unknown): void {
    if (this.abandoned.size === 0 || !Array.isArray(ids)) return;
    for (const id of ids) this.recover(id);
  }

  /** Stops what it waits for. */
  stop(): void {
    for (const { timer } of this.abandoned.values()) this.clock.clear(timer);
    this.abandoned.clear();
  }

  /** The answer requests a grant up to `total` bytes. A repeated request gets the same grant again. */
  ask(credit: ReplyCredit<Call>, total: number): void {
    const account = credit as Account<Call>;
    if (total <= account.granted) return this.grant(account);
    account.wanted = total;
    this.waiting.add(account);
    this.serve();
  }

  /** The subscriber took all values up to `total` bytes. */
  take(credit: ReplyCredit<Call>, total: number): void {
    const account = credit as Account<Call>;
    if (account.share === 0) return;
    const bytes = Math.min(total, account.granted) - account.taken;
    if (!(bytes > 0)) return;
    account.taken += bytes;
    const returned = Math.min(account.asked, bytes);
    account.asked -= returned;
    this.freeGrants += returned;
    this.renew(account);
    if (returned > 0) this.serve();
  }

  private abandon(id: number, bytes: number): void {
    const timer = this.clock.setTimeout(() => this.recover(id), ABANDONED_FOR_MS);
    this.abandoned.set(id, { bytes, timer });
  }

  private recover(id: unknown): void {
    const abandoned = this.abandoned.get(id);
    if (!abandoned) return;
    this.abandoned.delete(id);
    this.clock.clear(abandoned.timer);
    this.freeGrants += abandoned.bytes;
    this.serve();
  }

  /** The share once more, unless most of it is left. */
  private renew(account: Account<Call>): void {
    const granted = account.taken + account.asked + account.share;
    if (granted - account.granted < account.share / 2) return;
    account.granted = granted;
    this.grant(account);
  }

  private grant(account: Account<Call>): void {
    account.told = account.granted;
    this.sendGrant(account.call, account.granted);
  }

  /** In the order of the requests. A large one is not overtaken, because it could wait for ever. */
  private serve(): void {
    for (const account of this.waiting) {
      // It gets no new grant before its subscriber has taken the last one; otherwise a slow subscriber would soon hold
      // the whole window.
      if (account.asked > 0) continue;
      const bytes = Math.max(0, account.wanted - account.granted);
      // An answer that is larger than the window is sent alone.
      if (bytes > this.freeGrants && this.freeGrants < this.half) return;
      this.waiting.delete(account);
      this.freeGrants -= bytes;
      account.asked += bytes;
      account.granted += bytes + this.grow(account);
      account.wanted = 0;
      this.grant(account);
    }
  }

  /**
   * A streamed reply that requests a grant is faster than its share. Its share is doubled, up to the largest one, while
   * at least half of all shares is free.
   */
  private grow(account: Account<Call>): number {
    const { share, call } = account;
    if (call.received === 0 || share >= LARGEST_SHARE) return 0;
    const grown = Math.min(share * 2, LARGEST_SHARE);
    const more = reserved(grown) - reserved(share);
    if (this.freeShares - more < this.half / 2) return 0;
    this.freeShares -= more;
    account.share = grown;
    return grown - share;
  }
}

/** The smallest share, which every answer has, is not reserved. */
function reserved(share: number): number {
  return share > SMALL_REPLY ? share : 0;
}
