import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import type { OutgoingCall } from './outgoing-call.js';

const RETRY_EVERY_MS = 20;

/** Calls that have nowhere to go yet: they wait for Redis, or for an instance. Their deadlines still count. */
export class WaitingCalls {
  private readonly calls = new Set<OutgoingCall>();
  private timer: Timer | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock'>,
    private readonly attempt: (call: OutgoingCall) => void,
  ) {
    this.stopListening = context.redis.onState((state) => {
      if (state === 'ready') this.attemptAll();
    });
  }

  add(call: OutgoingCall): void {
    this.calls.add(call);
    this.timer ??= this.context.clock.setTimeout(this.retry, RETRY_EVERY_MS);
  }

  delete(call: OutgoingCall): void {
    if (this.calls.size > 0) this.calls.delete(call);
  }

  stop(): void {
    this.stopListening();
    this.context.clock.clear(this.timer);
  }

  private readonly retry = (): void => {
    this.timer = undefined;
    if (this.context.redis.isReady) this.attemptAll();
  };

  private attemptAll(): void {
    for (const call of [...this.calls]) this.attempt(call);
  }
}
