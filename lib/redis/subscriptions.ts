import { Logger } from '@nestjs/common';

import type { HydraError } from '../hydra-error.js';
import type { Link } from './connection/link.js';
import { isAway, isReply, redisError } from './redis-error.js';

/** Is called with everything that is published on a channel. */
export type ChannelListener = (text: string) => void;

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
}

interface Channel {
  /** Replaced rather than changed: a listener may come or go while a message is given out. */
  listeners: readonly ChannelListener[];
  /** The connection on which Redis has confirmed the subscription. */
  confirmedOn: number;
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
  private readonly logger = new Logger('Hydra');

  constructor(
    private readonly link: Link,
    private readonly options: SubscriptionsOptions,
  ) {
    link.client.on('message', (channel: string, text: string) => this.dispatch(channel, text));
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
  subscribe(name: string, listener: ChannelListener): Subscription {
    let state: 'listed' | 'refused' | 'ended' = 'listed';
    this.add(name, listener);
    const leave = (next: 'refused' | 'ended') => {
      if (state === 'listed') this.remove(name, listener);
      if (state !== 'ended') state = next;
    };
    const confirmed = async () => {
      if (state === 'refused') {
        state = 'listed';
        this.add(name, listener);
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

  private add(name: string, listener: ChannelListener): void {
    const channel = this.channels.get(name);
    if (channel) channel.listeners = [...channel.listeners, listener];
    else this.channels.set(name, { listeners: [listener], confirmedOn: -1, confirming: undefined });
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
    if (this.link.server) this.link.client.unsubscribe(name).catch(() => undefined);
  }

  /** Ends the subscription of a channel with one listener. The listener still gets what was published before. */
  private async release(name: string): Promise<void> {
    const channel = this.channels.get(name);
    if (channel?.listeners.length !== 1 || !this.link.server) return;
    // A listener that is added meanwhile subscribes again.
    channel.confirmedOn = -1;
    await this.link.client.unsubscribe(name).catch(() => undefined);
  }

  /** Resolves once Redis has confirmed it on this connection; asks where it has not. Rejects as the driver does. */
  private confirm(name: string): Promise<void> {
    const channel = this.channels.get(name);
    if (!channel || channel.confirmedOn === this.link.generation) return Promise.resolve();
    channel.confirming ??= this.ask(name, channel).finally(() => (channel.confirming = undefined));
    return channel.confirming;
  }

  private async ask(name: string, channel: Channel): Promise<void> {
    const { generation } = this.link;
    await this.link.client.subscribe(name);
    channel.confirmedOn = generation;
    this.refused.delete(name);
  }

  private async restoreAll(): Promise<boolean> {
    const { generation } = this.link;
    const names = [...this.channels.keys()];
    if (names.length === 0) return true;
    const channels = [...this.channels.values()];
    try {
      await this.link.client.subscribe(...names);
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

  private dispatch(name: string, text: string): void {
    const channel = this.channels.get(name);
    if (!channel) return;
    for (const listener of channel.listeners) {
      try {
        listener(text);
      } catch (error) {
        this.logger.error(
          `a listener of ${name} threw`,
          error instanceof Error ? error.stack : String(error),
        );
      }
    }
  }
}
