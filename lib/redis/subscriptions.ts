import type { HydraError } from '../hydra.error.js';
import type { Link } from './link.js';
import { isReply, redisError } from './redis.error.js';

/**
 * The channels of this process, subscribed again with each connection. One that Redis refuses is left out and asked for
 * again: it must not make the process deaf to the others.
 */
export class Subscriptions {
  private readonly channels = new Set<string>();
  /** Those that were subscribed once, and are refused since. */
  private readonly refused = new Map<string, HydraError>();
  /** The connection that has all that it may have. */
  private restoredOn = -1;

  constructor(private readonly link: Link) {}

  get isRestored(): boolean {
    return this.restoredOn === this.link.generation;
  }

  /** Why this channel is not heard, if Redis refused it. */
  refusalOf(channel: string): HydraError | undefined {
    return this.refused.get(channel);
  }

  /** What Redis says of each channel that it refuses. */
  get refusals(): readonly HydraError[] {
    return [...this.refused.values()];
  }

  /** Remembers channels, to be subscribed with each connection. */
  add(channels: readonly string[]): void {
    for (const channel of channels) this.channels.add(channel);
  }

  forget(channels: readonly string[]): void {
    for (const channel of channels) {
      this.channels.delete(channel);
      this.refused.delete(channel);
    }
  }

  /** Subscribes what is to be heard; false when the connection broke. What Redis refuses is kept in mind. */
  async restore(): Promise<boolean> {
    const { generation } = this.link;
    const isWhole = await this.restoreAll([...this.channels]);
    if (!isWhole || generation !== this.link.generation) return false;
    this.restoredOn = generation;
    return true;
  }

  /** Asks again for what was refused. */
  async retryRefused(): Promise<void> {
    await this.oneByOne([...this.refused.keys()]);
  }

  private async restoreAll(channels: readonly string[]): Promise<boolean> {
    if (channels.length === 0) return true;
    try {
      await this.link.client.subscribe(...channels);
      this.refused.clear();
      return true;
    } catch (error) {
      return isReply(error) && this.oneByOne(channels);
    }
  }

  private async oneByOne(channels: readonly string[]): Promise<boolean> {
    const answers = await Promise.all(channels.map((channel) => this.restoreOne(channel)));
    return answers.every(Boolean);
  }

  private async restoreOne(channel: string): Promise<boolean> {
    try {
      await this.link.client.subscribe(channel);
      this.refused.delete(channel);
      return true;
    } catch (error) {
      // It may have been forgotten meanwhile.
      if (isReply(error) && this.channels.has(channel))
        this.refused.set(channel, redisError('SUBSCRIBE', error));
      return isReply(error);
    }
  }
}
