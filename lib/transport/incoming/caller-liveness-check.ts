import { outside } from '../../runtime/async-context.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { isInReconnectGrace, stoodStill } from '../../registry/reconnect-grace.js';
import type { IncomingCall } from './incoming-call.js';

const INTERVAL_MS = 1_000;
/** A caller between two connections is deaf for a moment: only the second look in a row that finds it so counts. */
const LOOKS = 2;

/**
 * Finds calls whose caller has died: nobody listens to the channel that their answer would go to. One command a second
 * asks for all callers of calls that run for longer than that. While callers come back from an outage none is missed.
 */
export class CallerWatch {
  private readonly deafLooks = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly redis: RedisConnections,
    private readonly running: Iterable<IncomingCall>,
    private readonly abandoned: (call: IncomingCall) => void,
  ) {}

  start(): void {
    // On a Cluster the count is that of one node, and says nothing.
    if (this.redis.isCluster) return;
    this.timer ??= outside(() => setInterval(() => void this.look(), INTERVAL_MS).unref());
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async look(): Promise<void> {
    const before = performance.now() - INTERVAL_MS;
    const old = [...this.running].filter((call) => call.origin.replyChannel && call.startedAt < before);
    // After a change of servers callers may still listen at the former one; after an outage they come back one by one.
    const provesDeath = this.redis.countsProve(undefined) && !isInReconnectGrace(this.redis);
    if (old.length === 0 || !provesDeath) return this.deafLooks.clear();
    const deaf = await this.deafChannels([...new Set(old.map((call) => call.origin.replyChannel!))]);
    for (const channel of this.deafLooks.keys()) if (!deaf.has(channel)) this.deafLooks.delete(channel);
    for (const channel of deaf) this.deafLooks.set(channel, (this.deafLooks.get(channel) ?? 0) + 1);
    for (const call of old)
      if ((this.deafLooks.get(call.origin.replyChannel!) ?? 0) >= LOOKS) this.abandoned(call);
  }

  private async deafChannels(channels: readonly string[]): Promise<ReadonlySet<string>> {
    const askedAt = performance.now();
    try {
      const counts = await this.redis.commands.pubsub('NUMSUB', ...channels);
      if (stoodStill(this.redis, askedAt)) return new Set();
      return new Set(channels.filter((_, index) => Number(counts[index * 2 + 1]) === 0));
    } catch {
      // Redis went away: nobody can be said to be deaf.
      return new Set();
    }
  }
}
