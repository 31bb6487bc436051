import { DeliveryContext } from '../../delivery/delivery-context.js';
import { decodeAddress, type Address } from '../../protocol/address.js';
import { createMessage, type UmfMessage } from '../../protocol/message.js';
import type { Clock } from '../../runtime/clock.js';

/** The call that a context belongs to. */
export interface ReceivedCall {
  readonly id: number | string;
  readonly pattern: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly from: string;
  readonly to: string;
  readonly clock: Clock;
  /** When its caller stops waiting, by the clock's `monotonic()`. */
  readonly deadlineAt: number;
  /** ISO 8601, UTC. */
  readonly receivedOn: string;
  /** The message as it arrived, if it arrived as UMF. */
  readonly message?: UmfMessage | undefined;
}

/**
 * What a handler can read about its call or event: `@Ctx() context: HydraContext`.
 *
 * @publicApi
 */
export class HydraContext extends DeliveryContext {
  /** The message as UMF, also if it arrived as an item of a frame. */
  getMessage(): UmfMessage {
    return this.call.message ?? this.asMessage();
  }

  /** The pattern the handler was found by. */
  getPattern(): string {
    return this.call.pattern;
  }

  /** Headers of the call: what the caller set, and what a tracer added. */
  getMetadata(): Readonly<Record<string, string>> | undefined {
    return this.call.metadata;
  }

  /** The sender; undefined when its address cannot be read. */
  getSender(): Address | undefined {
    return decodeAddress(this.call.from);
  }

  /** The time at which the caller stops waiting for the answer. */
  get deadline(): Date {
    return new Date(this.call.clock.now() + this.remainingMs);
  }

  /** Milliseconds until the deadline; 0 once it has passed. */
  get remainingMs(): number {
    return Math.max(0, Math.round(this.call.deadlineAt - this.call.clock.monotonic()));
  }

  private get call(): ReceivedCall {
    return this.getArgByIndex(0) as ReceivedCall;
  }

  private asMessage(): UmfMessage {
    const { id, from, to, pattern, metadata, data, receivedOn } = this.call;
    return createMessage(
      { to, from, type: pattern, body: data, headers: metadata },
      { mid: String(id), timestamp: receivedOn },
    );
  }
}
