import { encodeItem, Kind, readsFrames, type Item } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import type { Instance } from '../../hydra-options.js';
import { isInReconnectGrace, stoodStill } from '../../registry/reconnect-grace.js';
import type { CallTable } from '../wire/call-table.js';
import type { Messenger } from '../wire/messenger.js';
import type { OutgoingCall } from './outgoing-call.js';

/** Is told what probes find out about calls. */
export interface ProbeListener {
  /** Its instance is gone. */
  instanceLost(call: OutgoingCall): void;
  /** Values of its answer are missing that its instance does not send any more. */
  brokenOff(call: OutgoingCall): void;
  /** Its instance has sent the answer, and it did not arrive. */
  answerLost(call: OutgoingCall): void;
  /** Its instance is alive and never received it. */
  neverArrived(call: OutgoingCall): void;
}

/** An answer may overtake the probe's own: only a second finding of "finished, no answer here" counts. */
const MAX_MISSED_ANSWERS = 2;
/** An instance whose connection broke reconnects within this time, if nothing else is wrong. */
const RECHECK_AFTER_MS = 150;

/**
 * Probes calls that are not answered for a while. So a dead instance is noticed within a fraction of a second, and its
 * calls need not wait for their deadlines. When the PUBLISH of a probe reaches nobody, the instance is gone. An
 * instance that answers says which calls it has.
 *
 * For an instance that does not answer, and for Hydra 1.x instances, which know no probes, PUBSUB NUMSUB counts the
 * exact subscribers of its channel. When there is none, the check is repeated once before the calls are given up. While
 * processes reconnect after an outage, the check proves nothing. On a Cluster without sharded pub/sub both counts are those
 * of one node, so an instance that does not answer is left out, and is gone when its presence is gone.
 */
export class Prober {
  private timer: Timer | undefined;
  /** Instances that have not answered their last probe yet, and since when. */
  private readonly unanswered = new Map<string, number>();
  /** Instances that had no subscriber, and are checked once more. */
  private readonly unsubscribed = new Set<string>();

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock' | 'options'>,
    private readonly messenger: Messenger,
    private readonly calls: CallTable<OutgoingCall>,
    private readonly listener: ProbeListener,
  ) {}

  /** A call began. */
  wake(): void {
    this.timer ??= this.context.clock.setInterval(() => this.probe(), this.everyMs);
  }

  stop(): void {
    this.context.clock.clear(this.timer);
    this.timer = undefined;
  }

  /** `[8, running, finished, unknown, settled]` */
  onProbed(from: string, [, , finished, unknown, settled]: Item): void {
    this.unanswered.delete(from);
    this.unsubscribed.delete(from);
    for (const [id, values] of pairsOf(settled)) {
      const [call] = this.callsAt(from, [id]);
      if (call && this.hasLost(call, values)) this.listener.brokenOff(call);
    }
    const now = this.context.clock.monotonic();
    for (const call of this.callsAt(from, finished)) {
      if (call.missAnswer(now, this.everyMs / 2) >= MAX_MISSED_ANSWERS) this.listener.answerLost(call);
    }
    for (const call of this.callsAt(from, unknown)) {
      // On a Cluster two messages may take two ways, and the later one arrive first.
      if (!this.context.redis.isSharded || call.missArrival() >= 2) this.listener.neverArrived(call);
    }
  }

  /** Replies of this instance were lost. Only the instance knows for which calls. */
  onRepliesLost(from: string): void {
    // A probe for all of them is in flight.
    if (this.unanswered.has(from)) return;
    const calls = [...this.calls].filter(({ instance }) => instance?.id === from);
    if (calls.length > 0) this.ask(calls[0]!.instance!, calls);
  }

  /** Only its instance knows whether they are sent again. */
  onValuesMissing(call: OutgoingCall): void {
    if (call.instance && !this.unanswered.has(call.instance.id)) this.ask(call.instance, [call]);
  }

  /** The answer to the probe came after all that Redis had taken before it, unless there are several servers. */
  private hasLost(call: OutgoingCall, settledValues: number): boolean {
    return call.received < settledValues && (call.lacksValues || !this.context.redis.isSharded);
  }

  /** An answer about a call that has left the instance is ignored. If the call were moved again, it would run twice. */
  private callsAt(instanceId: string, ids: unknown): readonly OutgoingCall[] {
    if (!Array.isArray(ids)) return [];
    const calls = ids.map((id) => this.calls.get(id));
    return calls.filter((call) => call !== undefined && call.instance?.id === instanceId) as OutgoingCall[];
  }

  private probe(): void {
    if (this.calls.size === 0) return this.stop();
    if (!this.context.redis.isReady) return;
    for (const [instance, calls] of this.overdue()) {
      if (this.unsubscribed.has(instance.id)) continue;
      const isSilent = this.isSilent(instance);
      if (!this.hasCounts && isSilent) calls[0]!.target.view.avoid(instance.id);
      // With a pattern subscriber, a PUBLISH to a dead instance still has a receiver.
      const isAsked = readsFrames(instance);
      if (!isAsked || isSilent) void this.countSubscribers(instance, calls);
      if (isAsked) this.ask(instance, calls);
    }
  }

  /** Where no count tells who is dead, an instance that does not answer is left out before twice `calls.probeAfterMs`. */
  private get everyMs(): number {
    const { probeAfterMs } = this.context.options.calls;
    return this.hasCounts ? probeAfterMs : probeAfterMs / 2;
  }

  /** It did not answer what it was asked a round ago, or earlier. */
  private isSilent({ id }: Instance): boolean {
    const askedAt = this.unanswered.get(id);
    return askedAt !== undefined && this.context.clock.monotonic() - askedAt >= this.everyMs / 2;
  }

  private get hasCounts(): boolean {
    const { isSharded, shards } = this.context.redis;
    return !isSharded || shards.isActive;
  }

  private overdue(): Map<Instance, OutgoingCall[]> {
    const before = this.context.clock.monotonic() - this.context.options.calls.probeAfterMs;
    const overdue = new Map<Instance, OutgoingCall[]>();
    for (const call of this.calls) {
      const { instance, sentAt } = call;
      if (!instance || sentAt! > before) continue;
      const calls = overdue.get(instance);
      if (calls) calls.push(call);
      else overdue.set(instance, [call]);
    }
    return overdue;
  }

  private ask(instance: Instance, calls: readonly OutgoingCall[], isAgain = false): void {
    const channel = this.messenger.channelOf(instance);
    const probe = encodeItem(
      Kind.probe,
      calls.map(({ id }) => id),
    );
    const askedAt = this.context.clock.monotonic();
    if (!this.unanswered.has(instance.id)) this.unanswered.set(instance.id, askedAt);
    // Without this, a lost grant would stop the answer for ever.
    for (const { id, credit } of calls)
      if (credit && credit.told > 0) this.messenger.post(channel, encodeItem(Kind.grant, id, credit.told));
    this.messenger.post(channel, probe, {
      onPublished: (outcome) => {
        if (outcome === 'no-receivers' && this.countsProve(instance))
          this.hasNoSubscriber(instance, calls, askedAt, isAgain);
        else this.unsubscribed.delete(instance.id);
      },
    });
  }

  private async countSubscribers(
    instance: Instance,
    calls: readonly OutgoingCall[],
    isAgain = false,
  ): Promise<void> {
    const channel = this.messenger.channelOf(instance);
    const askedAt = this.context.clock.monotonic();
    try {
      const isInShard = instance.capabilities?.sharded === true;
      const subscribers = await this.context.redis.shards.countSubscribers(channel, isInShard);
      if (readsFrames(instance) && !this.unanswered.has(instance.id)) return;
      const hasNone = subscribers === 0 && this.countsProve(instance);
      if (this.hasLeft(instance, calls)) this.lose(instance, calls);
      else if (hasNone) this.hasNoSubscriber(instance, calls, askedAt, isAgain);
      else this.unsubscribed.delete(instance.id);
    } catch {
      // There is no connection to Redis: the next round tries again.
      this.unsubscribed.delete(instance.id);
    }
  }

  private countsProve({ capabilities }: Instance): boolean {
    return this.context.redis.countsProve(capabilities?.server);
  }

  /** Its channel has no subscriber: the instance has died, or is reconnecting. */
  private hasNoSubscriber(
    instance: Instance,
    calls: readonly OutgoingCall[],
    askedAt: number,
    isAgain: boolean,
  ): void {
    const { id } = instance;
    const isOutage = stoodStill(this.context.redis, askedAt) || isInReconnectGrace(this.context.redis);
    if (isOutage) this.unsubscribed.delete(id);
    else if (isAgain) this.lose(instance, calls);
    else if (!this.unsubscribed.has(id)) {
      this.unsubscribed.add(id);
      this.context.clock.setTimeout(() => this.checkAgain(instance, calls), RECHECK_AFTER_MS);
    }
  }

  private checkAgain(instance: Instance, calls: readonly OutgoingCall[]): void {
    if (!this.context.redis.isReady) this.unsubscribed.delete(instance.id);
    else if (readsFrames(instance)) this.ask(instance, calls, true);
    else void this.countSubscribers(instance, calls, true);
  }

  /** Its presence has ended, and it does not answer probes. A draining instance still answers them. */
  private hasLeft(instance: Instance, [call]: readonly OutgoingCall[]): boolean {
    return call?.target.view.get(instance.id) === undefined;
  }

  private lose(instance: Instance, calls: readonly OutgoingCall[]): void {
    this.unanswered.delete(instance.id);
    this.unsubscribed.delete(instance.id);
    // Since the probe was sent, a call may have ended or moved.
    for (const call of calls) if (call.instance?.id === instance.id) this.listener.instanceLost(call);
  }
}

function pairsOf(value: unknown): readonly (readonly [id: unknown, values: number])[] {
  if (!Array.isArray(value)) return [];
  return value.filter(
    (pair): pair is [unknown, number] => Array.isArray(pair) && typeof pair[1] === 'number',
  );
}
