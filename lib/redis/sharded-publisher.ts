import { Cluster } from 'ioredis';

import type { Clock } from '../runtime/clock.js';
import type { RedisClient } from './connection/driver.js';
import { isReply, redisError } from './redis-error.js';
import { ShardOwners } from './shard-owners.js';
import { countShardSubscribers, publishOn, publishToShard } from './slot-publish.js';
import type { Subscriptions } from './subscriptions.js';

/** Redis before 7.0, a service that does without, or a user who may not. */
const NO_SHARDS = /^(ERR unknown command|NOPERM)/i;

/**
 * Sharded pub/sub of a Cluster: a message goes to the node that owns the slot of its channel and to no other, and all who
 * receive it are counted there. A process publishes so once it subscribes so: whoever receives such a message may answer in the same way.
 */
export class ShardedPublisher {
  private readonly owners: ShardOwners;

  constructor(
    private readonly commands: RedisClient,
    private readonly subscriptions: Subscriptions,
    clock: Clock,
  ) {
    this.owners = new ShardOwners(clock);
  }

  /** Whether this process subscribes to its own channels within their shard, and may publish within shards. */
  get isActive(): boolean {
    return this.subscriptions.isSharded;
  }

  /**
   * Publishes within the shard of the channel, and resolves with the receivers, or with undefined where nobody was counted and somebody
   * may have received it; publishes to all nodes where this process does not use shards, or Redis does not allow it. On a
   * Cluster it then resolves with undefined, since the count is that of one node.
   * Rejects as the driver does.
   */
  async publish(channel: string, text: string): Promise<number | undefined> {
    const { commands } = this;
    if (!(commands instanceof Cluster)) return publishOn(commands, channel, text);
    if (!this.isActive) return this.publishToAll(commands, channel, text);
    try {
      return await this.owners.countBy(commands, channel, () => publishToShard(commands, channel, text));
    } catch (error) {
      if (!isReply(error) || !NO_SHARDS.test(error.message)) throw error;
      this.subscriptions.leaveShard(redisError(`SPUBLISH to ${channel}`, error));
      return this.publishToAll(commands, channel, text);
    }
  }

  /**
   * How many subscribe to a channel; undefined where that cannot be known: on a Cluster, of who does not listen within the
   * shard. Rejects as the driver does.
   */
  async countSubscribers(channel: string, isInShard: boolean): Promise<number | undefined> {
    const { commands } = this;
    if (!(commands instanceof Cluster)) return Number((await commands.pubsub('NUMSUB', channel))[1]);
    if (!isInShard || !this.isActive) return undefined;
    return this.owners.countBy(commands, channel, () => countShardSubscribers(commands, channel));
  }

  private async publishToAll(commands: Cluster, channel: string, text: string): Promise<undefined> {
    await publishOn(commands, channel, text);
  }
}
