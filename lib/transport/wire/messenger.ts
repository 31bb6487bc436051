import type { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import { isReplyChannel, type Keys } from '../../protocol/keys.js';
import { decodeMessage, type UmfMessage } from '../../protocol/message.js';
import { decodeFrame, encodeFrame, isFrame, type Item, type Load } from '../../protocol/rpc.js';
import { outside } from '../../runtime/async-context.js';
import { ECHO } from '../../redis/connection/hearing.js';
import { Publisher } from '../../redis/publisher.js';
import type { RedisConnections, Subscription } from '../../redis/redis-connections.js';
import { isReply, redisError } from '../../redis/redis-error.js';
import { Peers, type Peer } from './remote-instances.js';
import { RejectedInput } from '../rejected-input.js';

/** What became of a published message: somebody received it, surely nobody did, or nobody knows. */
export type Published = 'delivered' | 'nobody' | HydraError;

/** Told once what became of its message. An object rather than a closure: there is one for each call. */
export interface Sender {
  published(outcome: Published): void;
}

/** Takes what arrives. No method may throw. */
export interface Receiver {
  /** Calls and events, and what their sender says of them later. */
  requests(peer: Peer, load: Load, items: readonly Item[]): void;
  /** Answers, and what their sender says of them otherwise. */
  replies(peer: Peer, load: Load, items: readonly Item[]): void;
  /** Frames with requests of this sender were lost on the way. */
  requestsLost(peer: Peer): void;
  /** Frames with replies of this sender were lost on the way. */
  repliesLost(peer: Peer): void;
  message(message: UmfMessage): void;
}

/** What leaves for one channel with the next PUBLISH. */
interface Batch {
  readonly channel: string;
  texts: string[];
  senders: (Sender | undefined)[];
  size: number;
  /** The number of the last frame. */
  seq: number;
}

/**
 * A batch of this many characters leaves without waiting for the end of the turn, and none is larger, unless one item is: a
 * PUBLISH counts as a whole against what Redis holds for a subscriber.
 */
const FULL_BATCH = 262_144;
const KNOWN_CHANNELS = 10_000;

/**
 * The channels of this instance, and the way to everyone else's.
 *
 * What leaves in one turn of the event loop for one channel is one PUBLISH. Its sender is told when surely nobody received
 * it.
 */
export class Channel {
  readonly address: string;
  // One for each channel, kept: V8 keeps what a cleared or rewritten Map held for much longer than it is needed.
  private readonly batches = new Map<string, Batch>();
  private waiting: Batch[] = [];
  private readonly peers: Peers;
  private readonly channels = new Map<string, string>();
  private readonly rejected = new RejectedInput();
  /** For what is sent to this instance, to its whole service, and for answers to this instance. */
  private readonly own: readonly [instance: string, service: string, replies: string];
  private readonly publisher: Publisher;
  private receiver: Receiver | undefined;
  private opening: Promise<void> | undefined;
  private subscriptions: readonly Subscription[] = [];

  constructor(
    id: string,
    service: string,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly load: () => Load,
  ) {
    this.address = `${id}@${service}:/`;
    this.publisher = new Publisher(redis);
    this.peers = new Peers(keys);
    this.own = [
      keys.instanceChannel(service, id),
      keys.serviceChannel(service),
      keys.replyChannel(service, id),
    ];
  }

  /** Subscribes to its channels; resolves when Redis has confirmed it. Idempotent. */
  open(receiver: Receiver): Promise<void> {
    this.opening ??= this.subscribe(receiver).catch((error: unknown) => {
      // Who asks again tries again.
      this.opening = undefined;
      this.unsubscribe();
      throw error;
    });
    return this.opening;
  }

  /** Stops listening. What was received before is handled. Idempotent. */
  async close(): Promise<void> {
    if (!this.opening) return;
    this.opening = undefined;
    this.unsubscribe();
    this.flush();
  }

  /** Sends an item to one of our own instances, together with what else leaves for it in this turn. */
  post(channel: string, item: string, sender?: Sender): void {
    const batch = this.batchFor(channel);
    if (batch.size > 0 && batch.size + item.length > FULL_BATCH) outside(() => this.publishBatch(batch));
    if (batch.texts.length === 0) this.schedule(batch);
    batch.texts.push(item);
    batch.senders.push(sender);
    batch.size += item.length;
    if (batch.size >= FULL_BATCH) outside(() => this.publishBatch(batch));
  }

  /** Sends one message that anybody understands, Hydra 1.x included. */
  postMessage(channel: string, message: string, sender?: Sender): void {
    outside(() => this.publish(channel, message, sender ? [sender] : []));
  }

  /** Sends a text to a channel that many share. False when surely nobody received it. Rejects as the driver does. */
  postToAll(channel: string, text: string): Promise<boolean> {
    return this.publisher.publish(channel, text, Infinity);
  }

  /** An item as a frame of its own, for a channel that many share. */
  frame(item: string): string {
    return encodeFrame(this.address, 0, this.load(), [item]);
  }

  /** The channel of an instance. Kept: making and hashing its name costs as much as encoding a call. */
  of({ service, id }: Pick<Instance, 'service' | 'id'>): string {
    const known = this.channels.get(id);
    if (known !== undefined) return known;
    if (this.channels.size >= KNOWN_CHANNELS) this.channels.clear();
    const channel = this.keys.instanceChannel(service, id);
    this.channels.set(id, channel);
    return channel;
  }

  private async subscribe(receiver: Receiver): Promise<void> {
    this.receiver = receiver;
    const [instance, service, replies] = this.own;
    const { redis } = this;
    this.subscriptions = [
      redis.subscribe(service, (wire) => this.onMessage(wire, false)),
      redis.subscribe(replies, (wire) => this.onReplies(wire)),
      redis.hearOn(instance, (wire) => this.onMessage(wire, true)),
    ];
    await redis.retryWhileUnavailable(async () => {
      await Promise.all(this.subscriptions.map((subscription) => subscription.confirmed()));
    });
  }

  private unsubscribe(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.subscriptions = [];
  }

  private onMessage(wire: string, isForInstance: boolean): void {
    if (isFrame(wire)) this.onRequests(wire, isForInstance);
    else if (wire !== ECHO) this.onUmf(wire);
  }

  private onRequests(wire: string, isForInstance: boolean): void {
    const frame = decodeFrame(wire);
    const peer = frame && this.peers.of(frame.from);
    if (!peer) return this.rejected.count('a frame', wire);
    const hasGap = isForInstance && peer.requests.hasGapBefore(frame.seq);
    this.receiver?.requests(peer, frame.load, frame.items);
    if (hasGap) this.receiver?.requestsLost(peer);
  }

  private onReplies(wire: string): void {
    const frame = decodeFrame(wire);
    const peer = frame && this.peers.of(frame.from);
    if (!peer) return this.rejected.count('a frame', wire);
    const hasGap = peer.replies.hasGapBefore(frame.seq);
    this.receiver?.replies(peer, frame.load, frame.items);
    if (hasGap) this.receiver?.repliesLost(peer);
  }

  private onUmf(wire: string): void {
    const message = decodeMessage(wire);
    if (!message) return this.rejected.count('a message', wire);
    this.receiver?.message(message);
  }

  private batchFor(channel: string): Batch {
    let batch = this.batches.get(channel);
    if (batch) return batch;
    if (this.batches.size >= KNOWN_CHANNELS) this.forgetIdleBatches();
    batch = { channel, texts: [], senders: [], size: 0, seq: 0 };
    this.batches.set(channel, batch);
    return batch;
  }

  private forgetIdleBatches(): void {
    for (const { channel, texts } of this.batches.values())
      if (texts.length === 0) this.batches.delete(channel);
  }

  private schedule(batch: Batch): void {
    // After all that this turn's input causes, before the next input is read.
    if (this.waiting.length === 0) outside(() => setImmediate(this.flush));
    this.waiting.push(batch);
  }

  private readonly flush = (): void => {
    const { waiting } = this;
    this.waiting = [];
    for (const batch of waiting) if (batch.texts.length > 0) this.publishBatch(batch);
  };

  private publishBatch(batch: Batch): void {
    const { channel, texts, senders } = batch;
    batch.texts = [];
    batch.senders = [];
    batch.size = 0;
    this.publish(channel, encodeFrame(this.address, ++batch.seq, this.load(), texts), senders);
  }

  private publish(channel: string, wire: string, senders: readonly (Sender | undefined)[]): void {
    const tell = (outcome: Published) => {
      for (const sender of senders) sender?.published(outcome);
    };
    this.publisher.publish(channel, wire).then(
      (isReceived) => tell(isReceived ? 'delivered' : 'nobody'),
      (error: unknown) => tell(this.publishError(channel, error, senders.length === 0)),
    );
  }

  /** Publishing is the first thing that its script does: what Redis refuses of it was not published. */
  private publishError(channel: string, failure: unknown, isForNobody: boolean): HydraError {
    const facts = isReply(failure) ? { mayHaveRun: false } : undefined;
    const error = redisError(`PUBLISH to ${channel}`, failure, facts);
    // Who wants to call is told, and may want what is not allowed; that answers cannot be sent is told nobody else.
    const isAnswer = isForNobody || isReplyChannel(channel);
    this.redis.refusals.note(error, isAnswer ? 'problem' : 'warning');
    return error;
  }
}
