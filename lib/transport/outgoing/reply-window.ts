import { REPLY_SHARE, SMALL_REPLY } from '../../protocol/rpc.js';

/** The share of a stream that keeps asking for more grows up to this. */
const LARGEST_SHARE = 262_144;
/** What was granted to a call that gave up counts for this long, unless its instance says before that it sends no more. */
const ABANDONED_FOR_MS = 10_000;
/** A new call's part of what the others have left over: the first 32 of a default window get the whole share. */
const PART = 32;

/** What the answer of one call may send, once it asked for more or told what it sent. Bytes, all counted from its beginning. */
export class AnswerCredit {
  /** What it has been told that it may send. */
  granted: number;
  /** What it sent and the subscriber's `next` took. */
  taken = 0;
  /** Of what was granted and is not taken yet: what it asked for. */
  asked = 0;
  /** What it wants to be granted, and waits for; 0 when it waits for nothing. */
  wanted = 0;

  constructor(granted: number) {
    this.granted = granted;
  }
}

/** What of a call counts here. */
export interface Credited {
  readonly id: number;
  /** Bytes that its answer may send ahead, unasked; 0 where nobody counts. */
  share: number;
  credit: AnswerCredit | undefined;
  /** Values received so far. */
  readonly received: number;
}

interface Abandoned {
  readonly bytes: number;
  readonly timer: NodeJS.Timeout;
}

/**
 * How much all answers to this process together may have on the way: Redis keeps for a subscriber what that did not read yet,
 * and closes its connection when it is too much, and with it every answer, whoever it was for.
 *
 * One half is shared out to calls as they leave, for what their answers may send unasked; a stream is granted its share again
 * as it is taken. The other half is for answers that ask, in the order in which they do, each for exactly what it has ready
 * to send, so that none of it can be held by a stream that stands idle.
 */
export class ReplyWindow<Call extends Credited> {
  private readonly half: number;
  private freeShares: number;
  private freeGrants: number;
  private readonly waiting = new Set<Call>();
  private readonly abandoned = new Map<unknown, Abandoned>();

  constructor(
    bytes: number,
    /** Tells a call's instance what its answer may send now. */
    private readonly grant: (call: Call, granted: number) => void,
  ) {
    this.half = Math.floor(bytes / 2);
    this.freeShares = this.freeGrants = this.half;
  }

  /** The call leaves: what its answer may send unasked. */
  open(call: Call): void {
    const part = Math.floor(this.freeShares / PART);
    call.share = part >= REPLY_SHARE ? REPLY_SHARE : Math.max(SMALL_REPLY, part);
    this.freeShares -= reserved(call.share);
  }

  /**
   * The call is over, or leaves its instance. True when what its answer was granted may still be on its way: it counts until
   * {@link settled} is told.
   */
  close(call: Call, isAnswered: boolean): boolean {
    this.freeShares += reserved(call.share);
    call.share = 0;
    const { credit } = call;
    if (!credit) return false;
    call.credit = undefined;
    this.waiting.delete(call);
    const isAbandoned = credit.asked > 0 && !isAnswered;
    if (isAbandoned) this.abandon(call.id, credit.asked);
    else this.freeGrants += credit.asked;
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
    for (const { timer } of this.abandoned.values()) clearTimeout(timer);
    this.abandoned.clear();
  }

  /** The answer wants to go on until it has sent `total` bytes. Asked again, it is told again. */
  ask(call: Call, total: number): void {
    const credit = (call.credit ??= new AnswerCredit(call.share));
    if (total <= credit.granted) return this.grant(call, credit.granted);
    credit.wanted = total;
    this.waiting.add(call);
    this.serve();
  }

  /** The subscriber took what the answer had sent when it had sent `total` bytes. */
  take(call: Call, total: number): void {
    if (call.share === 0) return;
    const credit = (call.credit ??= new AnswerCredit(call.share));
    const bytes = Math.min(total, credit.granted) - credit.taken;
    if (!(bytes > 0)) return;
    credit.taken += bytes;
    const returned = Math.min(credit.asked, bytes);
    credit.asked -= returned;
    this.freeGrants += returned;
    this.renew(call, credit);
    if (returned > 0) this.serve();
  }

  private abandon(id: number, bytes: number): void {
    const timer = setTimeout(() => this.recover(id), ABANDONED_FOR_MS).unref();
    this.abandoned.set(id, { bytes, timer });
  }

  private recover(id: unknown): void {
    const abandoned = this.abandoned.get(id);
    if (!abandoned) return;
    this.abandoned.delete(id);
    clearTimeout(abandoned.timer);
    this.freeGrants += abandoned.bytes;
    this.serve();
  }

  /** The share once more, unless most of it is left. */
  private renew(call: Call, credit: AnswerCredit): void {
    const granted = credit.taken + credit.asked + call.share;
    if (granted - credit.granted < call.share / 2) return;
    credit.granted = granted;
    this.grant(call, granted);
  }

  /** In their order; one that wants much is not overtaken, or it might wait for ever. */
  private serve(): void {
    for (const call of this.waiting) {
      const credit = call.credit!;
      // A stream is granted no more while its subscriber has not taken the last: a slow one would soon have all there is.
      if (credit.asked > 0) continue;
      const bytes = Math.max(0, credit.wanted - credit.granted);
      // What is larger than all of it goes alone.
      if (bytes > this.freeGrants && this.freeGrants < this.half) return;
      this.waiting.delete(call);
      this.freeGrants -= bytes;
      credit.asked += bytes;
      credit.granted += bytes + this.grown(call);
      credit.wanted = 0;
      this.grant(call, credit.granted);
    }
  }

  /**
   * A stream that asks is faster than its share: it gets twice that from now on, up to the largest, while half of all that is
   * shared is left.
   */
  private grown(call: Call): number {
    if (call.received === 0 || call.share >= LARGEST_SHARE) return 0;
    const { share } = call;
    const grown = Math.min(share * 2, LARGEST_SHARE);
    const more = reserved(grown) - reserved(share);
    if (this.freeShares - more < this.half / 2) return 0;
    this.freeShares -= more;
    call.share = grown;
    return grown - share;
  }
}

/** A share that every answer has is not taken from anything. */
function reserved(share: number): number {
  return share > SMALL_REPLY ? share : 0;
}
