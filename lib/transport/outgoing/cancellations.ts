import { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import { encodeItem, Kind, readsFrames } from '../../protocol/rpc.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import type { Messenger, PublishListener, PublishOutcome } from '../wire/messenger.js';

const RETRY_EVERY_MS = 50;
/** An instance that lost its connection reconnects within this time, or has no handler left to stop. */
const RETRY_FOR_MS = 5_000;

/** One cancellation: the caller does not wait for the answer of a call any more. */
interface Cancellation {
  readonly channel: string;
  /** The number that the instance knows the call by. */
  readonly callId: number;
  /** The call's deadline: its handler is stopped then by itself. By `clock.monotonic()`. */
  readonly deadlineAt: number;
  /** When to stop trying; 0 before the first attempt that reached nobody. */
  giveUpAt: number;
}

/** The members of a call that a cancellation needs. */
interface CancellableCall {
  readonly id: number;
  readonly instance: Instance | undefined;
  readonly deadlineAt: number;
}

/**
 * Stops the handlers of calls that their caller has given up. If a cancellation cannot be sent because this process or
 * the instance is reconnecting, it is sent again; otherwise the handler would run until the deadline of the call.
 */
export class Cancellations implements PublishListener<Cancellation> {
  private readonly unsent = new Set<Cancellation>();
  private timer: Timer | undefined;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock'>,
    private readonly messenger: Messenger,
  ) {}

  /** Does nothing for a call that no instance has, and for a call at a Hydra 1.x instance, which knows no cancellation. */
  send({ id, instance, deadlineAt }: CancellableCall): void {
    if (!instance || !readsFrames(instance)) return;
    this.post({ channel: this.messenger.channelOf(instance), callId: id, deadlineAt, giveUpAt: 0 });
  }

  stop(): void {
    this.context.clock.clear(this.timer);
    this.unsent.clear();
  }

  onPublished(outcome: PublishOutcome, cancellation: Cancellation): void {
    if (outcome === 'delivered') return;
    if (outcome instanceof HydraError && !outcome.retryable) return;
    this.retryLater(cancellation);
  }

  private post(cancellation: Cancellation): void {
    if (!this.context.redis.isReady) return this.retryLater(cancellation);
    const { channel, callId } = cancellation;
    this.messenger.post(channel, encodeItem(Kind.cancel, callId), this, cancellation);
  }

  private retryLater(cancellation: Cancellation): void {
    const { redis, clock } = this.context;
    const now = clock.monotonic();
    // While Redis is away nobody can be reached, and only the deadline counts.
    if (redis.isReady) cancellation.giveUpAt ||= now + RETRY_FOR_MS;
    if (now >= cancellation.deadlineAt || (cancellation.giveUpAt > 0 && now >= cancellation.giveUpAt)) return;
    this.unsent.add(cancellation);
    this.timer ??= clock.setTimeout(this.retry, RETRY_EVERY_MS);
  }

  private readonly retry = (): void => {
    this.timer = undefined;
    const unsent = [...this.unsent];
    this.unsent.clear();
    for (const cancellation of unsent) this.post(cancellation);
  };
}
