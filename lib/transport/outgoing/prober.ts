import type { Keys } from '../../protocol/keys.js';
import { encodeItem, Kind, readsFrames, type Item } from '../../protocol/rpc.js';
import { outside } from '../../runtime/async-context.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import type { Instance } from '../../hydra-options.js';
import { isInReconnectGrace, stoodStill } from '../../registry/reconnect-grace.js';
import type { CallTable } from '../wire/call-table.js';
import type { Channel } from '../wire/messenger.js';
import type { OutgoingCall } from './outgoing-call.js';

/** What a probe can find out about a call. */
export interface ProbeFindings {
  /** Its instance is gone. */
  gone(call: OutgoingCall): void;
  /** Its instance is done with it, and the answer is not here. */
  answerLost(call: OutgoingCall): void;
  /** Its instance is there and never received it. */
  neverArrived(call: OutgoingCall): void;
}

/** An answer may overtake the probe's own: only a second finding of "finished, no answer here" counts. */
const MISSED_ANSWERS = 2;
/** An instance whose connection broke is back within this time, if nothing else is wrong. */
const RECONNECT_MS = 150;

/**
 * Asks after calls that have not been answered for a while, so that a dead instance is noticed within a fraction of a
 * second and no call has to wait for its deadline. A PUBLISH that reaches nobody says that the instance is gone; an
 * instance that answers says which calls it has.
 *
 * An instance that does not answer is looked for with PUBSUB NUMSUB, which counts exact subscriptions only; so are Hydra
 * 1.x instances, which do not know probes. One that nobody listens for is looked for once more before its calls are given
 * up, and while all come back from an outage it is not missed at all. On a Cluster, where both counts are those of one
 * node, an instance that does not answer is gone when its presence is.
 */
export class Prober {
  private timer: NodeJS.Timeout | undefined;
  /** Instances that have not answered their last probe yet. */
  private readonly unanswered = new Set<string>();
  /** Instances that were found deaf, and are looked at once more. */
  private readonly deaf = new Set<string>();

  constructor(
    private readonly channel: Channel,
    private readonly redis: RedisConnections,
    private readonly keys: Keys,
    private readonly calls: CallTable<OutgoingCall>,
    private readonly afterMs: number,
    private readonly findings: ProbeFindings,
  ) {}

  /** A call began. */
  wake(): void {
    this.timer ??= outside(() => setInterval(() => this.probe(), this.afterMs).unref());
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** `[8, running, finished, unknown]` */
  answered(peerId: string, [, , finished, unknown]: Item): void {
    this.unanswered.delete(peerId);
    this.deaf.delete(peerId);
    for (const call of this.callsAt(peerId, finished)) {
      if (++call.missedAnswers >= MISSED_ANSWERS) this.findings.answerLost(call);
    }
    for (const call of this.callsAt(peerId, unknown)) {
      // On a Cluster two messages may take two ways, and the later one arrive first.
      if (!this.redis.isCluster || ++call.missedArrivals >= 2) this.findings.neverArrived(call);
    }
  }

  /** Replies of this instance were lost: which calls they were for it alone can tell. */
  replyLost(peerId: string): void {
    // It says so of all of them already.
    if (this.unanswered.has(peerId)) return;
    const calls = [...this.calls].filter(({ instance }) => instance?.id === peerId);
    if (calls.length > 0) this.ask(calls[0]!.instance!, calls);
  }

  /** What an instance says of a call that has moved on since says nothing: moved once more, it would run twice. */
  private callsAt(peerId: string, ids: unknown): readonly OutgoingCall[] {
    if (!Array.isArray(ids)) return [];
    const calls = ids.map((id) => this.calls.get(id));
    return calls.filter((call) => call !== undefined && call.instance?.id === peerId) as OutgoingCall[];
  }

  private probe(): void {
    if (this.calls.size === 0) return this.stop();
    if (!this.redis.isReady) return;
    for (const [instance, calls] of this.overdue()) {
      if (this.deaf.has(instance.id)) continue;
      // Where somebody listens to channels by pattern, a PUBLISH to a dead instance reaches that one.
      const isAsked = readsFrames(instance);
      if (!isAsked || this.unanswered.has(instance.id)) void this.lookFor(instance, calls);
      if (isAsked) this.ask(instance, calls);
    }
  }

  private overdue(): Map<Instance, OutgoingCall[]> {
    const before = performance.now() - this.afterMs;
    const overdue = new Map<Instance, OutgoingCall[]>();
    for (const call of this.calls) {
      if (!call.instance || call.sentAt > before) continue;
      const calls = overdue.get(call.instance);
      if (calls) calls.push(call);
      else overdue.set(call.instance, [call]);
    }
    return overdue;
  }

  private ask(instance: Instance, calls: readonly OutgoingCall[], isAgain = false): void {
    const channel = this.keys.instanceChannel(instance.service, instance.id);
    const probe = encodeItem(
      Kind.probe,
      calls.map(({ id }) => id),
    );
    const askedAt = performance.now();
    this.unanswered.add(instance.id);
    // A grant that was lost would hold up the answer for good.
    for (const { id, credit } of calls)
      if (credit) this.channel.post(channel, encodeItem(Kind.grant, id, credit.granted));
    this.channel.post(channel, probe, {
      published: (outcome) => {
        if (outcome === 'nobody' && this.countsProve(instance))
          this.foundDeaf(instance, calls, askedAt, isAgain);
        else this.deaf.delete(instance.id);
      },
    });
  }

  private async lookFor(instance: Instance, calls: readonly OutgoingCall[], isAgain = false): Promise<void> {
    const channel = this.keys.instanceChannel(instance.service, instance.id);
    const askedAt = performance.now();
    try {
      const [, subscribers] = await this.redis.commands.pubsub('NUMSUB', channel);
      const isDeaf = Number(subscribers) === 0 && this.countsProve(instance);
      if (this.hasLeft(instance, calls)) this.lose(instance, calls);
      else if (isDeaf) this.foundDeaf(instance, calls, askedAt, isAgain);
      else this.deaf.delete(instance.id);
    } catch {
      // Redis went away: the next round asks again.
      this.deaf.delete(instance.id);
    }
  }

  private countsProve({ capabilities }: Instance): boolean {
    return this.redis.countsProve(capabilities?.server);
  }

  /** Nobody listens to it: it has died, or is between two connections. */
  private foundDeaf(
    instance: Instance,
    calls: readonly OutgoingCall[],
    askedAt: number,
    isAgain: boolean,
  ): void {
    const { id } = instance;
    const isOutage = stoodStill(this.redis, askedAt) || isInReconnectGrace(this.redis);
    if (isOutage) this.deaf.delete(id);
    else if (isAgain) this.lose(instance, calls);
    else if (!this.deaf.has(id)) {
      this.deaf.add(id);
      outside(() => setTimeout(() => this.lookAgain(instance, calls), RECONNECT_MS).unref());
    }
  }

  private lookAgain(instance: Instance, calls: readonly OutgoingCall[]): void {
    if (!this.redis.isReady) this.deaf.delete(instance.id);
    else if (readsFrames(instance)) this.ask(instance, calls, true);
    else void this.lookFor(instance, calls, true);
  }

  /** Its presence ended, and it answers no probes: an instance that drains does. */
  private hasLeft(instance: Instance, [call]: readonly OutgoingCall[]): boolean {
    return call?.route.view.get(instance.id) === undefined;
  }

  private lose(instance: Instance, calls: readonly OutgoingCall[]): void {
    this.unanswered.delete(instance.id);
    this.deaf.delete(instance.id);
    // Since the question was asked, a call may have ended or moved.
    for (const call of calls) if (call.instance?.id === instance.id) this.findings.gone(call);
  }
}
