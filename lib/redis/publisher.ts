import { HydraError } from '../hydra-error.js';
import type { RedisConnections } from './redis-connections.js';
import { isReply } from './redis-error.js';
import { publishOn } from './slot-publish.js';

/** For this long after a look that found no subscriber by pattern, the count of a plain PUBLISH is trusted. */
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
 * Publishes, and knows whether nobody received it.
 *
 * PUBLISH counts those who listen by a pattern (a monitor) beside those who subscribe to the channel: while there are any,
 * its count says nothing of the one the message is for. So a PUBLISH now and then looks for patterns, at most ten in a
 * second, and while there are some, the subscribers of the channel itself are counted with each. Where several
 * servers share the keys both counts are those of one, and neither is trusted; on a Cluster all that goes to one channel goes
 * by the node that owns its slot.
 */
export class Publisher {
  private countTrustedUntil = 0;
  private canRunPubsub = true;

  constructor(private readonly redis: RedisConnections) {
    redis.onState(() => {
      // Another server perhaps, with other listeners and other permissions.
      this.countTrustedUntil = 0;
      this.canRunPubsub = true;
    });
  }

  /**
   * False when nobody at this server received the message. Rejects as the driver does, or with `REDIS_UNAVAILABLE` where
   * there is no server to publish at.
   *
   * @param most how many subscribe to such a channel at most: more receivers show that somebody listens by a pattern
   */
  async publish(channel: string, message: string, most = 1): Promise<boolean> {
    const { clock, commands, isSharded, hasPrimary } = this.redis;
    // What a replica is given reaches its own subscribers only.
    if (!hasPrimary) throw notConnected(channel);
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
      // Always with its text: a second attempt, for a server that does not know the script, would be overtaken.
      const counts = await commands.eval(COUNTED_PUBLISH, 0, channel, message);
      return this.isReceived(counts as Counts);
    } catch (error) {
      if (!isReply(error) || !NO_EVAL.test(error.message)) throw error;
      // Refused before anything was published: it goes as those after it do.
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

function notConnected(channel: string): HydraError {
  return new HydraError('REDIS_UNAVAILABLE', `PUBLISH to ${channel}: there is no connection to Redis`, {
    mayHaveRun: false,
  });
}
