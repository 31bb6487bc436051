import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

import type { HydraError } from '../hydra-error.js';
import { outside } from '../runtime/async-context.js';
import type { Clock } from '../runtime/clock.js';
import type { Link } from './connection/link.js';
import { HandOver, type Heard } from './hand-over.js';
import { isAway, isReply, redisError } from './redis-error.js';

/**
 * Is called with everything that is published on a channel.
 *
 * @param isSharded whether it was published within the shard of the channel
 */
export type ChannelListener = (text: string, isSharded: boolean) => void;

/** Where a channel is subscribed. On a Cluster, the channels of this process are also subscribed within their shard. */
export type Reach = 'everywhere' | 'own shard too';

/** One listener of one channel. */
export interface Subscription {
  /**
   * Resolves once Redis has confirmed the subscription on the present connection.
   *
   * @throws HydraError `REDIS_UNAVAILABLE`; the subscription is then made with the next connection. `FORBIDDEN` when Redis
   *   refuses it for lack of rights; it is then made only when this is called again
   */
  confirmed(): Promise<void>;
  /** Ends it at once: its listener is not called any more. Idempotent. */
  unsubscribe(): void;
  /** Ends it when Redis has confirmed this: until then its listener is called. Never rejects. */
  end(): Promise<void>;
}

export interface SubscriptionsOptions {
  /** Resolves when commands can be sent; rejects with `REDIS_UNAVAILABLE` when they cannot be in time. */
  ready(): Promise<void>;
  /** Redis did not confirm a new subscription. */
  refused(error: HydraError): void;
  /** Redis has no sharded pub/sub, or does not allow it. */
  unsharded(error: HydraError): void;
}

/** How subscriptions move to another connection. */
export interface MoveOptions {
  readonly clock: Clock;
  readonly mark: string;
  /** Publishes the mark where this process hears it; false where it hears nothing of its own. */
  readonly publishMark: () => Promise<boolean>;
  /** Puts the connection in the place of the present one; false where one of the two was lost. */
  readonly swap: () => boolean;
}

const MOVED = /^(MOVED|CLUSTERDOWN)\b/;

interface Channel {
  /** Replaced rather than changed: a listener may come or go while a message is given out. */
  listeners: readonly ChannelListener[];
  /** The connection on which Redis has confirmed the subscription. */
  confirmedOn: number;
  readonly reach: Reach;
  /** The SUBSCRIBE under way. */
  confirming: Promise<void> | undefined;
}

/**
 * The channels that this process listens to, each with its listeners, subscribed again with each connection. A channel
 * is subscribed for its first listener and unsubscribed with its last. A channel that Redis refuses is left out and
 * tried again later, so that the other channels still work.
 */
export class Subscriptions {
  private readonly channels = new Map<string, Channel>();
  /** Channels that were subscribed once, and are refused now. */
  private readonly refused = new Map<string, HydraError>();
  /** The connection on which everything that is allowed is subscribed. */
  private restoredOn = -1;
  /** The connection that listens within its shard, and the one that may not. */
  private shardedOn = -1;
  private unshardedOn = -1;
  private handOver: HandOver | undefined;
  private readonly logger = new Logger('Hydra');

  constructor(
    private readonly link: Link,
    private readonly options: SubscriptionsOptions,
  ) {
    this.listenTo(link.client as Redis);
  }

  /** Whether the channels of this process are listened to within their shard. */
  get isSharded(): boolean {
    const { generation } = this.link;
    return this.shardedOn === generation && this.unshardedOn !== generation;
  }

  /** From now on, and with this connection, nothing is sent or expected within the shard. */
  leaveShard(error: HydraError): void {
    this.unshardedOn = this.link.generation;
    this.options.unsharded(error);
  }

  get isRestored(): boolean {
    return this.restoredOn === this.link.generation;
  }

  /** Why this channel is not subscribed, if Redis refused it. */
  refusalOf(channel: string): HydraError | undefined {
    return this.refused.get(channel);
  }

  /** The error of each channel that Redis refuses. */
  get refusals(): readonly HydraError[] {
    return [...this.refused.values()];
  }

  /** Adds a listener. Its channel is subscribed with `confirmed()`, and with each new connection. */
  subscribe(name: string, listener: ChannelListener, reach: Reach = 'everywhere'): Subscription {
    let state: 'listed' | 'refused' | 'ended' = 'listed';
    this.add(name, listener, reach);
    const leave = (next: 'refused' | 'ended') => {
      if (state === 'listed') this.remove(name, listener);
      if (state !== 'ended') state = next;
    };
    const confirmed = async () => {
      if (state === 'refused') {
        state = 'listed';
        this.add(name, listener, reach);
      }
      await this.options.ready();
      await this.confirm(name).catch((cause: unknown) => {
        const error = redisError('SUBSCRIBE', cause);
        if (!isAway(error)) leave('refused');
        this.options.refused(error);
        throw error;
      });
    };
    const end = async () => {
      if (state === 'listed') await this.release(name);
      leave('ended');
    };
    return { confirmed, unsubscribe: () => leave('ended'), end };
  }

  /** Subscribes all channels; false when the connection broke. Refused channels are remembered. */
  async restore(): Promise<boolean> {
    const { generation } = this.link;
    const isWhole = await this.restoreAll();
    if (!isWhole || generation !== this.link.generation) return false;
    this.restoredOn = generation;
    return true;
  }

  /** Tries the refused channels again. */
  async retryRefused(): Promise<void> {
    await this.oneByOne([...this.refused.keys()]);
  }

  /**
   * Moves all subscriptions to a second connection to the same server: no message is lost, comes twice, or out of its order.
   * Resolves with whether that was done; otherwise all is as it was. Rejects as the driver does.
   */
  async moveTo(next: Redis, { clock, mark, publishMark, swap }: MoveOptions): Promise<boolean> {
    const names = [...this.channels.keys()].filter((name) => !this.refused.has(name));
    const inShard = this.isSharded ? names.filter((name) => this.isOwnShard(name)) : [];
    if (names.length > 0) await next.subscribe(...names);
    if (inShard.length > 0) await next.ssubscribe(...inShard);
    this.listenTo(next);
    const take = () => this.take(new Set(names), swap);
    const handOver = new HandOver({ clock, mark, giveOut: (heard) => this.dispatch(heard), swap: take });
    this.handOver = handOver;
    for (const client of [this.link.client, next]) client.once('close', () => handOver.keep());
    try {
      if (!(await publishMark())) return take();
      return await handOver.isSwapped;
    } finally {
      handOver.keep();
      this.handOver = undefined;
    }
  }

  /** False when the connection that is to be taken lacks a channel by now, or one of the two was lost. */
  private take(names: ReadonlySet<string>, swap: () => boolean): boolean {
    const isSettled = ([name, { confirming }]: [string, Channel]) =>
      !confirming && (names.has(name) || this.refused.has(name));
    if (![...this.channels].every(isSettled)) return false;
    const before = this.link.client;
    if (!swap()) return false;
    before.removeAllListeners('message').removeAllListeners('smessage');
    this.handOver = undefined;
    const gone = [...names].filter((name) => !this.channels.has(name));
    if (gone.length > 0) void Promise.allSettled([this.link.client.unsubscribe(...gone)]);
    return true;
  }

  private listenTo(client: Redis): void {
    const hear = (isSharded: boolean) => (channel: string, text: string) => {
      const heard = { channel, text, isSharded };
      if (client !== this.link.client) this.handOver?.onSecond(heard);
      else if (this.handOver) this.handOver.onFirst(heard);
      else this.dispatch(heard);
    };
    client.on('message', hear(false)).on('smessage', hear(true));
  }

  private isOwnShard(name: string): boolean {
    return this.channels.get(name)?.reach === 'own shard too';
  }

  private add(name: string, listener: ChannelListener, reach: Reach): void {
    const channel = this.channels.get(name);
    if (channel) channel.listeners = [...channel.listeners, listener];
    else this.channels.set(name, { listeners: [listener], confirmedOn: -1, reach, confirming: undefined });
  }

  private remove(name: string, listener: ChannelListener): void {
    const channel = this.channels.get(name);
    if (!channel) return;
    const index = channel.listeners.indexOf(listener);
    if (index >= 0) channel.listeners = channel.listeners.toSpliced(index, 1);
    if (channel.listeners.length > 0) return;
    this.channels.delete(name);
    this.refused.delete(name);
    // Without a connection there is nothing to end, and what fails ends with the connection.
    if (this.link.server) void this.unsubscribe(name, channel);
  }

  private async unsubscribe(name: string, { reach }: Channel): Promise<void> {
    const { client } = this.link;
    // The driver takes the end of the last one within the shard for the end of all: that one comes last.
    const isInShard = this.isSharded && reach === 'own shard too';
    // The request that happens to be the last to listen has nothing to do with it.
    const ends = outside(() => [client.unsubscribe(name), ...(isInShard ? [client.sunsubscribe(name)] : [])]);
    await Promise.allSettled(ends);
  }

  /** Ends the subscription of a channel with one listener. The listener still gets what was published before. */
  private async release(name: string): Promise<void> {
    const channel = this.channels.get(name);
    if (channel?.listeners.length !== 1 || !this.link.server) return;
    // A listener that is added meanwhile subscribes again.
    channel.confirmedOn = -1;
    await this.unsubscribe(name, channel);
  }

  /** Resolves once Redis has confirmed it on this connection; asks where it has not. Rejects as the driver does. */
  private confirm(name: string): Promise<void> {
    const channel = this.channels.get(name);
    if (!channel || channel.confirmedOn === this.link.generation) return Promise.resolve();
    channel.confirming ??= outside(() => this.ask(name, channel)).finally(
      () => (channel.confirming = undefined),
    );
    return channel.confirming;
  }

  private async ask(name: string, channel: Channel): Promise<void> {
    const { generation } = this.link;
    await Promise.all([
      this.link.client.subscribe(name),
      channel.reach === 'own shard too' && this.enterShard([name]),
    ]);
    channel.confirmedOn = generation;
    this.refused.delete(name);
  }

  /** Where Redis does not have it or does not allow it, what is sent everywhere has to do. */
  private async enterShard(names: readonly string[]): Promise<void> {
    const { generation, client, isAtOwner } = this.link;
    if (!isAtOwner || names.length === 0 || this.unshardedOn === generation) return;
    try {
      await client.ssubscribe(...names);
      this.shardedOn = generation;
    } catch (error) {
      // A slot that has moved is looked for anew by the connection.
      if (!isReply(error) || MOVED.test(error.message)) throw error;
      if (generation === this.link.generation) this.leaveShard(redisError('SSUBSCRIBE', error));
    }
  }

  private async restoreAll(): Promise<boolean> {
    const { generation } = this.link;
    const names = [...this.channels.keys()];
    if (names.length === 0) return true;
    const channels = [...this.channels.values()];
    const inShard = names.filter((name) => this.isOwnShard(name));
    try {
      await Promise.all([this.link.client.subscribe(...names), this.enterShard(inShard)]);
      for (const channel of channels) channel.confirmedOn = generation;
      this.refused.clear();
      return true;
    } catch (error) {
      return isReply(error) && this.oneByOne(names);
    }
  }

  private async oneByOne(names: readonly string[]): Promise<boolean> {
    const answers = await Promise.all(names.map((name) => this.restoreOne(name)));
    return answers.every(Boolean);
  }

  private async restoreOne(name: string): Promise<boolean> {
    const channel = this.channels.get(name);
    // It may have been forgotten meanwhile.
    if (!channel) return true;
    try {
      await this.ask(name, channel);
      return true;
    } catch (error) {
      if (isReply(error) && this.channels.get(name) === channel)
        this.refused.set(name, redisError('SUBSCRIBE', error));
      return isReply(error);
    }
  }

  private dispatch({ channel: name, text, isSharded }: Heard): void {
    const channel = this.channels.get(name);
    if (!channel) return;
    for (const listener of channel.listeners) {
      try {
        listener(text, isSharded);
      } catch (error) {
        this.logger.error(
          `a listener of ${name} threw`,
          error instanceof Error ? error.stack : String(error),
        );
      }
    }
  }
}
