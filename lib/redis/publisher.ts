import { HydraError } from '../hydra-error.js';
import type { RedisConnections } from './redis-connections.js';
import { isReply } from './redis-error.js';
import { publishOn } from './slot-publish.js';

/** After a check found no pattern subscriber, the count of a plain PUBLISH is trusted for this long. */
const TRUSTED_FOR_MS = 100;

/**
 * Publish a message, and say who may have received it.
 *
 * ARGV  1 channel   2 message
 * Returns the receivers as PUBLISH counts them, the subscribers of the very channel, and the patterns that anybody
 *         subscribes to; the last two are -1 where this user may not run PUBSUB.
 *
 * One script, because between two commands an instance may come or go: it would be counted and not reached, or reached
 * and not counted.
 */
const COUNTED_PUBLISH = `
local function count(...)
  local answer = redis.pcall('PUBSUB', ...)
  if type(answer) ~= 'table' then return answer end
  return answer.err and -1 or answer[2]
end
return { redis.call('PUBLISH', ARGV[1], ARGV[2]), count('NUMSUB', ARGV[1]), count('NUMPAT') }
`;

/** This user may not run EVAL, or it was renamed away. */
const NO_EVAL = /^NOPERM .*'eval'|^ERR unknown command/i;

type Counts = [receivers: number, subscribers: number, patterns: number];

/**
 * Publishes, and says whether a message certainly had no receiver.
 *
 * PUBLISH counts pattern subscribers (a monitor) together with the subscribers of the channel. While there is one, its
 * count proves nothing about the instance. So at most ten times a second a PUBLISH also checks for patterns; while
 * there are some, each PUBLISH counts the subscribers of its own channel. Where several servers share the keys, both
 * counts are those of one server and are not used. On a Cluster all messages to one channel go through the node that
 * owns its slot.
 */
export class Publisher {
  private countTrustedUntil = 0;
  private canRunPubsub = true;

  constructor(private readonly redis: RedisConnections) {
    redis.onState(() => {
      // It may be another server, with other subscribers and other permissions.
      this.countTrustedUntil = 0;
      this.canRunPubsub = true;
    });
  }

  /**
   * False when nobody at this server received the message; undefined when nobody was counted, and somebody may have received
   * it, as after a failover. Rejects as the driver does, or with `REDIS_UNAVAILABLE` where there is no server to publish at.
   *
   * @param most how many subscribe to such a channel at most: more receivers show that somebody listens by a pattern
   * @param isInShard whether all receivers have subscribed within the shard of the channel
   */
  async publish(channel: string, message: string, most = 1, isInShard = false): Promise<boolean | undefined> {
    const { clock, commands, isSharded, hasPrimary, shards } = this.redis;
    // A message that is published at a replica reaches only the subscribers of this replica.
    if (!hasPrimary) throw notConnected(channel);
    if (isInShard && shards.isActive) return isPositive(await shards.publish(channel, message));
    // Its own subscriptions are being made again. Others listen at the owner of the slot, everywhere, too.
    if (isInShard && isSharded) return (await publishOn(commands, channel, message)) > 0 || undefined;
    if (!isSharded && this.canRunPubsub && clock.monotonic() >= this.countTrustedUntil) {
      return this.publishCounted(channel, message);
    }
    const receivers = await publishOn(commands, channel, message);
    if (receivers > most) this.countTrustedUntil = 0;
    return isSharded || receivers > 0;
  }

  private async publishCounted(channel: string, message: string): Promise<boolean> {
    const { commands } = this.redis;
    try {
      // Always with the text of the script: with its hash, a second attempt could be overtaken by later messages.
      const counts = await commands.eval(COUNTED_PUBLISH, 0, channel, message);
      return this.isReceived(counts as Counts);
    } catch (error) {
      if (!isReply(error) || !NO_EVAL.test(error.message)) throw error;
      // It was refused before anything was published, so a plain PUBLISH follows, as for all later messages.
      this.canRunPubsub = false;
      return (await publishOn(commands, channel, message)) > 0;
    }
  }

  private isReceived([receivers, subscribers, patterns]: Counts): boolean {
    this.canRunPubsub = patterns >= 0;
    if (patterns === 0) this.countTrustedUntil = this.redis.clock.monotonic() + TRUSTED_FOR_MS;
    return patterns > 0 && subscribers >= 0 ? subscribers > 0 : receivers > 0;
  }
}

function isPositive(count: number | undefined): boolean | undefined {
  return count === undefined ? undefined : count > 0;
}

function notConnected(channel: string): HydraError {
  return new HydraError('REDIS_UNAVAILABLE', `PUBLISH to ${channel}: there is no connection to Redis`, {
    mayHaveRun: false,
  });
}
