import type { Clock, Timer } from '../../runtime/clock.js';
import { REPLY_SHARE, SMALL_REPLY } from '../../protocol/rpc.js';

/** The share of an answer that keeps asking for more grows up to this. */
const LARGEST_SHARE = 262_144;
/** What was granted to a call that gave up counts for this long, unless its instance says before that it sends no more. */
const ABANDONED_FOR_MS = 10_000;
/** A new call's part of what the others have left over: the first 32 of a default window get the whole share. */
const PART = 32;

/** What the answer to one attempt of a call may send, in bytes that are counted from its beginning. */
export interface ReplyCredit<Call> {
  readonly call: Call;
  /** What it may send ahead, unasked; 0 once it is closed. */
  readonly share: number;
  /** What it may send. */
  readonly granted: number;
  /** What its instance was last told that it may send, beyond the share that the call said; 0 before. */
  readonly told: number;
}

interface Account<Call> extends ReplyCredit<Call> {
  share: number;
  granted: number;
  told: number;
  /** What it sent and the subscriber's `next` took. */
  taken: number;
  /** Of what was granted and is not taken yet: what it asked for. */
  asked: number;
  /** What it wants to be granted, and waits for; 0 when it waits for nothing. */
  wanted: number;
}

/** What of a call counts here. */
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
 * How much all answers to this process together may have on the way: Redis keeps for a subscriber what that did not read yet,
 * and closes its connection when it is too much, and with it every answer, whoever it was for.
 *
 * One half is shared out to calls as they leave, for what their answers may send unasked; an answer of many values is
 * granted its share again as it is taken. The other half is for answers that ask, in the order in which they do, each for exactly what it has ready
 * to send, so that an idle answer can hold none of it.
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
    /** Tells a call's instance what its answer may send now. */
    private readonly sendGrant: (call: Call, granted: number) => void,
  ) {
    this.half = Math.floor(bytes / 2);
    this.freeShares = this.freeGrants = this.half;
  }

  /** The call leaves: what its answer may send unasked. */
  open(call: Call): ReplyCredit<Call> {
    const part = Math.floor(this.freeShares / PART);
    const share = part >= REPLY_SHARE ? REPLY_SHARE : Math.max(SMALL_REPLY, part);
    this.freeShares -= reserved(share);
    const account: Account<Call> = { call, share, granted: share, told: 0, taken: 0, asked: 0, wanted: 0 };
    return account;
  }

  /**
   * The call is over, or leaves its instance. True when what its answer was granted may still be on its way: it counts until
   * {@link settled} is told.
   */
  close(credit: ReplyCredit<Call>, isAnswered: boolean): boolean {
    const account = credit as Account<Call>;
    this.freeShares += reserved(account.share);
    account.share = 0;
    const { asked, wanted } = account;
    // Most answers never ask.
    if (asked === 0 && wanted === 0) return false;
    this.waiting.delete(account);
    account.asked = account.wanted = 0;
    const isAbandoned = asked > 0 && !isAnswered;
    if (isAbandoned) this.abandon(account.call.id, asked);
    else this.freeGrants += asked;
    this.serve();
    return isAbandoned;
  }

  /** An instance says that it is done with these calls: whatever it sent for them is here. */
  settled(ids: unknown): void {
    if (this.abandoned.size === 0 || !Array.isArray(ids)) return;
    for (const id of ids) this.recover(id);
  }

  /** Stops what it waits for. */
  stop(): void {
    for (const { timer } of this.abandoned.values()) this.clock.clear(timer);
    this.abandoned.clear();
  }

  /** The answer wants to go on until it has sent `total` bytes. Asked again, it is told again. */
  ask(credit: ReplyCredit<Call>, total: number): void {
    const account = credit as Account<Call>;
    if (total <= account.granted) return this.grant(account);
    account.wanted = total;
    this.waiting.add(account);
    this.serve();
  }

  /** The subscriber took what the answer had sent when it had sent `total` bytes. */
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

  /** In their order; one that wants much is not overtaken, or it might wait for ever. */
  private serve(): void {
    for (const account of this.waiting) {
      // It is granted no more while its subscriber has not taken the last: a slow one would soon have all there is.
      if (account.asked > 0) continue;
      const bytes = Math.max(0, account.wanted - account.granted);
      // What is larger than all of it goes alone.
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
   * An answer of many values that asks is faster than its share: it gets twice that from now on, up to the largest, while half of all that is
   * shared is left.
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

/** A share that every answer has is not taken from anything. */
function reserved(share: number): number {
  return share > SMALL_REPLY ? share : 0;
}
