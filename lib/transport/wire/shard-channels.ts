const MAX_CHANNELS = 10_000;

/** What is known of a caller that is answered within its shard. */
export interface AnswerWay {
  /** Answers whose count of receivers is not known yet. */
  underWay: number;
  /** Whether the last answer had no receiver there. */
  isInDoubt: boolean;
}

/**
 * The channels of other instances that are sent to within their shard. For calls the record of an instance decides. For
 * answers its frames do, since a caller need not be listed: one that came by shard shows that it subscribes within its shard.
 *
 * A frame that came everywhere shows nothing: it may be a broadcast, or was sent before its sender's own subscription was
 * confirmed. Only when an answer had no receiver within the shard does it show that the caller is alive, and listens
 * everywhere alone.
 */
export class ShardChannels {
  private readonly announced = new Set<string>();
  private readonly answered = new Map<string, AnswerWay>();

  /** The record of an instance says so. */
  announce(channel: string, isInShard: boolean): void {
    if (isInShard) this.announced.add(channel);
    else this.announced.delete(channel);
  }

  /** Forgets what the records said. */
  forgetAnnounced(): void {
    this.announced.clear();
  }

  isAnnounced(channel: string): boolean {
    return this.announced.has(channel);
  }

  /** A frame of this caller came. */
  heard(replyChannel: string, isInShard: boolean): void {
    const way = this.answered.get(replyChannel);
    if (isInShard) {
      if (way) way.isInDoubt = false;
      else this.enter(replyChannel);
    } else if (way?.isInDoubt && way.underWay === 0) {
      // With answers under way, which may be sent again, the next ones would overtake them.
      this.answered.delete(replyChannel);
    }
  }

  /** How this caller is answered; undefined for everywhere. */
  wayOf(replyChannel: string): AnswerWay | undefined {
    return this.answered.get(replyChannel);
  }

  private enter(replyChannel: string): void {
    // Each of them is known again with its next call, and hears meanwhile what is sent everywhere.
    if (this.answered.size >= MAX_CHANNELS) this.answered.clear();
    this.answered.set(replyChannel, { underWay: 0, isInDoubt: false });
  }
}
