import type { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import { isReplyChannel } from '../../protocol/keys.js';
import { decodeMessage, type UmfMessage } from '../../protocol/message.js';
import { decodeFrame, encodeFrame, isFrame, type Item, type Load } from '../../protocol/rpc.js';
import { outside } from '../../runtime/async-context.js';
import { isEcho } from '../../redis/connection/hearing.js';
import { Publisher } from '../../redis/publisher.js';
import type { Context } from '../../redis/context.js';
import type { Subscription } from '../../redis/redis-connections.js';
import { isReply, redisError } from '../../redis/redis-error.js';
import { logRejected } from './rejected-input.js';
import { RemoteInstances, type RemoteInstance } from './remote-instances.js';
import { ShardChannels, type AnswerWay } from './shard-channels.js';
import { Stalls } from './stalls.js';

/** The outcome of a PUBLISH: it had a receiver, it certainly had none, or it is unknown. */
export type PublishOutcome = 'delivered' | 'no-receivers' | HydraError;

/**
 * Is told once of the outcome of a message, with the subject that it was posted with. An object, so that no closure is
 * needed for each call.
 */
export interface PublishListener<Subject = void> {
  /** @param isDoubtful it is said to have had a receiver, and nothing proves that */
  onPublished(outcome: PublishOutcome, subject: Subject, isDoubtful?: boolean): void;
}

/** Acts on one item of another instance. Must not throw. */
export type ItemHandler = (from: RemoteInstance, item: Item) => void;

/** The handler of each kind of item. */
export type ItemHandlers = Readonly<Record<number, ItemHandler>>;

/** Handles what arrives. No method may throw. */
export interface FrameHandler {
  /** All that another instance sent with one frame. */
  onItems(from: RemoteInstance, load: Load, items: readonly Item[]): void;
  /** Frames of this instance were lost on their way to one of the two channels. */
  onFramesLost(from: RemoteInstance, channel: 'requests' | 'replies'): void;
  /** A message of a Hydra 1.x process, or one in its format. */
  onMessage(message: UmfMessage): void;
}

type MessengerContext = Pick<
  Context,
  'id' | 'address' | 'redis' | 'keys' | 'options' | 'clock' | 'log' | 'metrics'
>;

/** The items that the next PUBLISH sends to one channel. */
interface Batch {
  readonly channel: string;
  texts: string[];
  listeners: Listeners;
  size: number;
  /** The number of the last frame. */
  seq: number;
}

/** The listener and the subject of each item of a batch, alternately, so that no pair is allocated for each call. */
type Listeners = unknown[];

/**
 * A batch of this many characters leaves without waiting for the end of the event-loop tick, and none is larger, unless one item is:
 * beyond this size long texts cost more than the PUBLISH that they save (decision 108).
 */
const FULL_BATCH = 16_384;
const MAX_CHANNELS = 10_000;
const OWN_SHARD = 'own shard too';

interface KnownChannel {
  readonly channel: string;
  readonly isInShard: boolean;
}

/**
 * Sends to the channels of other instances, and receives on those of this one.
 *
 * All items for one channel in one event-loop tick are one PUBLISH. Each listener is told whether the PUBLISH certainly
 * had no receiver.
 */
export class Messenger {
  // One for each channel, kept: V8 keeps what a cleared or rewritten Map held for much longer than it is needed.
  private readonly batches = new Map<string, Batch>();
  private waiting: Batch[] = [];
  private readonly senders: RemoteInstances;
  private readonly channels = new Map<string, KnownChannel>();
  private readonly inShard = new ShardChannels();
  /** For what is sent to this instance, to its whole service, and for answers to this instance. */
  private readonly own: readonly [instance: string, service: string, replies: string];
  private readonly publisher: Publisher;
  private readonly stalls: Stalls;
  private handler: FrameHandler | undefined;
  private opening: Promise<void> | undefined;
  private subscriptions: readonly Subscription[] = [];

  constructor(
    private readonly context: MessengerContext,
    /** The load of this instance, which every frame tells. */
    private readonly load: () => Load,
  ) {
    const { id, keys, options, redis } = context;
    const { service } = options;
    this.publisher = new Publisher(redis);
    this.stalls = new Stalls(context.clock);
    this.senders = new RemoteInstances(keys);
    this.own = [
      keys.instanceChannel(service, id),
      keys.serviceChannel(service),
      keys.replyChannel(service, id),
    ];
  }

  /** Subscribes to its channels; resolves when Redis has confirmed it. Idempotent. */
  open(handler: FrameHandler): Promise<void> {
    this.opening ??= this.subscribe(handler).catch((error: unknown) => {
      // The next call tries again.
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
    // What is published until Redis has ended the subscriptions counts as received: it must be answered.
    await Promise.all(this.subscriptions.map((subscription) => subscription.end()));
    this.subscriptions = [];
    this.flush();
  }

  /** Sends an item to one of our own instances, together with whatever else leaves for it in this event-loop tick. */
  post(channel: string, item: string): void;
  post(channel: string, item: string, listener: PublishListener): void;
  post<Subject>(channel: string, item: string, listener: PublishListener<Subject>, subject: Subject): void;
  post(channel: string, item: string, listener?: unknown, subject?: unknown): void {
    const batch = this.batchFor(channel);
    if (batch.size > 0 && batch.size + item.length > FULL_BATCH) outside(() => this.publishBatch(batch));
    if (batch.texts.length === 0) this.schedule(batch);
    batch.texts.push(item);
    batch.listeners.push(listener, subject);
    batch.size += item.length;
    if (batch.size >= FULL_BATCH) outside(() => this.publishBatch(batch));
  }

  /** Sends one UMF message, which Hydra 1.x understands too. */
  postMessage(channel: string, message: string): void;
  postMessage(channel: string, message: string, listener: PublishListener): void;
  postMessage<Subject>(
    channel: string,
    message: string,
    listener: PublishListener<Subject>,
    subject: Subject,
  ): void;
  postMessage(channel: string, message: string, listener?: unknown, subject?: unknown): void {
    outside(() => this.publish(channel, message, listener ? [listener, subject] : []));
  }

  /**
   * Sends a text to the channel of a service. False when it certainly had no receiver. Rejects as the driver does.
   *
   * @param isInShard whether all receivers have subscribed within the shard of the channel
   */
  async postToAll(channel: string, text: string, isInShard: boolean): Promise<boolean> {
    return (await this.publisher.publish(channel, text, Infinity, isInShard)) !== false;
  }

  /** An item as its own frame, for the channel of a service. */
  frame(item: string): string {
    return encodeFrame(this.context.address, 0, this.load(), [item]);
  }

  /** The channel of an instance. Kept: making and hashing its name costs as much as encoding a call. */
  channelOf({ service, id, capabilities }: Pick<Instance, 'service' | 'id' | 'capabilities'>): string {
    const isInShard = capabilities?.sharded === true;
    const known = this.channels.get(id);
    if (known?.isInShard === isInShard) return known.channel;
    if (this.channels.size >= MAX_CHANNELS) {
      this.channels.clear();
      this.inShard.forgetAnnounced();
    }
    const channel = this.context.keys.instanceChannel(service, id);
    this.channels.set(id, { channel, isInShard });
    this.inShard.announce(channel, isInShard);
    return channel;
  }

  private async subscribe(handler: FrameHandler): Promise<void> {
    this.handler = handler;
    const [instance, service, replies] = this.own;
    const { redis } = this.context;
    this.subscriptions = [
      redis.subscribe(service, (wire, isInShard) => this.onMessage(wire, isInShard, false), OWN_SHARD),
      redis.subscribe(replies, (wire, isInShard) => this.onReplies(wire, isInShard), OWN_SHARD),
      redis.hearOn(instance, (wire, isInShard) => this.onMessage(wire, isInShard, true)),
    ];
    await redis.retryWhileUnavailable(async () => {
      await Promise.all(this.subscriptions.map((subscription) => subscription.confirmed()));
    });
  }

  private unsubscribe(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    this.subscriptions = [];
  }

  private onMessage(wire: string, isInShard: boolean, isForInstance: boolean): void {
    if (isFrame(wire)) this.onRequests(wire, isInShard, isForInstance);
    else if (!isEcho(wire)) this.onUmf(wire);
  }

  private onRequests(wire: string, isInShard: boolean, isForInstance: boolean): void {
    const frame = decodeFrame(wire);
    const from = frame && this.senderOf(frame.from, isInShard);
    if (!from) return logRejected(this.context.log, 'frames', wire);
    const hasGap = isForInstance && from.requests.hasGapBefore(frame.seq);
    this.handler?.onItems(from, frame.load, frame.items);
    if (hasGap) this.handler?.onFramesLost(from, 'requests');
  }

  private onReplies(wire: string, isInShard: boolean): void {
    const frame = decodeFrame(wire);
    const from = frame && this.senderOf(frame.from, isInShard);
    if (!from) return logRejected(this.context.log, 'frames', wire);
    const hasGap = from.replies.hasGapBefore(frame.seq);
    this.handler?.onItems(from, frame.load, frame.items);
    if (hasGap) this.handler?.onFramesLost(from, 'replies');
  }

  private senderOf(address: string, isInShard: boolean): RemoteInstance | undefined {
    const from = this.senders.of(address);
    if (from) this.inShard.heard(from.replyChannel, isInShard);
    return from;
  }

  private onUmf(wire: string): void {
    const message = decodeMessage(wire);
    if (!message) return logRejected(this.context.log, 'messages', wire);
    this.handler?.onMessage(message);
  }

  private batchFor(channel: string): Batch {
    let batch = this.batches.get(channel);
    if (batch) return batch;
    if (this.batches.size >= MAX_CHANNELS) this.forgetIdleBatches();
    batch = { channel, texts: [], listeners: [], size: 0, seq: 0 };
    this.batches.set(channel, batch);
    return batch;
  }

  private forgetIdleBatches(): void {
    for (const { channel, texts } of this.batches.values())
      if (texts.length === 0) this.batches.delete(channel);
  }

  private schedule(batch: Batch): void {
    if (this.waiting.length === 0) this.context.clock.setImmediate(this.flush);
    this.waiting.push(batch);
  }

  private readonly flush = (): void => {
    const { waiting } = this;
    this.waiting = [];
    for (const batch of waiting) if (batch.texts.length > 0) this.publishBatch(batch);
  };

  private publishBatch(batch: Batch): void {
    const { channel, texts, listeners } = batch;
    batch.texts = [];
    batch.listeners = [];
    batch.size = 0;
    this.context.metrics?.published(texts.length);
    this.publish(channel, encodeFrame(this.context.address, ++batch.seq, this.load(), texts), listeners);
  }

  private publish(channel: string, wire: string, listeners: Listeners): void {
    const sentAt = this.context.clock.monotonic();
    const way = this.inShard.wayOf(channel);
    if (way) return this.publishAnswer(way, channel, wire, listeners, sentAt);
    this.publisher.publish(channel, wire, 1, this.inShard.isAnnounced(channel)).then(
      (isReceived) => this.published(listeners, isReceived, sentAt),
      (error: unknown) => notify(listeners, this.publishError(channel, error, listeners.length === 0)),
    );
  }

  /**
   * What nobody received within the shard is sent everywhere at once, and in the same order: the caller may listen there
   * alone since its last connection. It still counts as not received, since nothing tells whether it was.
   */
  private publishAnswer(
    way: AnswerWay,
    channel: string,
    wire: string,
    listeners: Listeners,
    sentAt: number,
  ): void {
    const failed = (error: unknown) => this.publishError(channel, error, listeners.length === 0);
    way.underWay++;
    this.publisher.publish(channel, wire, 1, true).then(
      (isReceived) => {
        way.underWay--;
        way.isInDoubt = isReceived === false;
        if (way.isInDoubt) this.publisher.publish(channel, wire).catch(failed);
        this.published(listeners, isReceived, sentAt);
      },
      (error: unknown) => {
        way.underWay--;
        notify(listeners, failed(error));
      },
    );
  }

  private published(listeners: Listeners, isReceived: boolean | undefined, sentAt: number): void {
    const isDoubtful = isReceived === undefined || this.stalls.isLate(sentAt);
    notify(listeners, isReceived === false ? 'no-receivers' : 'delivered', isDoubtful);
  }

  /** Publishing is the first thing that its script does: what Redis refuses of it was not published. */
  private publishError(channel: string, failure: unknown, hasNoListener: boolean): HydraError {
    const facts = isReply(failure) ? { mayHaveRun: false } : undefined;
    const error = redisError(`PUBLISH to ${channel}`, failure, facts);
    // A caller gets the error, and may lack the permission on purpose. A refused answer has nobody to tell, so it is a
    // problem.
    const isAnswer = hasNoListener || isReplyChannel(channel);
    this.context.redis.refusals.note(error, isAnswer ? 'problem' : 'warning');
    return error;
  }
}

function notify(listeners: Listeners, outcome: PublishOutcome, isDoubtful = false): void {
  for (let index = 0; index < listeners.length; index += 2) {
    const listener = listeners[index] as PublishListener<unknown> | undefined;
    listener?.onPublished(outcome, listeners[index + 1], isDoubtful);
  }
}
