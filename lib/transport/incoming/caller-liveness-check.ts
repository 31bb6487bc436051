import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { isInReconnectGrace, stoodStill } from '../../registry/reconnect-grace.js';
import type { IncomingCall } from './incoming-call.js';

const INTERVAL_MS = 1_000;
/** A caller between two connections has no subscriber for a moment: only the second check in a row counts. */
const MISSED_CHECKS = 2;

/**
 * Finds calls whose caller has died: the channel for their answer has no subscriber. One command each second checks the
 * callers of all calls that have run for more than a second. While callers reconnect after an outage, no caller counts
 * as dead.
 */
export class CallerLivenessCheck {
  private readonly missedChecks = new Map<string, number>();
  private timer: Timer | undefined;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock'>,
    private readonly running: Iterable<IncomingCall>,
    private readonly abandoned: (call: IncomingCall) => void,
  ) {}

  start(): void {
    // Where several servers share the keys, the count is only that of one server, and proves nothing.
    if (this.context.redis.isSharded) return;
    this.timer ??= this.context.clock.setInterval(() => void this.check(), INTERVAL_MS);
  }

  stop(): void {
    this.context.clock.clear(this.timer);
    this.timer = undefined;
  }

  private async check(): Promise<void> {
    const before = this.context.clock.monotonic() - INTERVAL_MS;
    const old = [...this.running].filter((call) => call.caller.replyChannel && call.startedAt < before);
    // After a change of servers callers may still listen at the former one; after an outage they come back one by one.
    const provesDeath = this.context.redis.countsProve(undefined) && !isInReconnectGrace(this.context.redis);
    if (old.length === 0 || !provesDeath) return this.missedChecks.clear();
    const unheard = await this.withoutSubscriber([...new Set(old.map((call) => call.caller.replyChannel!))]);
    for (const channel of this.missedChecks.keys())
      if (!unheard.has(channel)) this.missedChecks.delete(channel);
    for (const channel of unheard) this.missedChecks.set(channel, (this.missedChecks.get(channel) ?? 0) + 1);
    for (const call of old)
      if ((this.missedChecks.get(call.caller.replyChannel!) ?? 0) >= MISSED_CHECKS) this.abandoned(call);
  }

  private async withoutSubscriber(channels: readonly string[]): Promise<ReadonlySet<string>> {
    const askedAt = this.context.clock.monotonic();
    try {
      const counts = await this.context.redis.commands.pubsub('NUMSUB', ...channels);
      if (stoodStill(this.context.redis, askedAt)) return new Set();
      return new Set(channels.filter((_, index) => Number(counts[index * 2 + 1]) === 0));
    } catch {
      // There is no connection to Redis, so this proves nothing about any caller.
      return new Set();
    }
  }
}
