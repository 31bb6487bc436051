import type { Subscription } from 'rxjs';

import { Timed } from '../../delivery/deadline-wheel.js';
import type { BoundHandler } from '../../delivery/source.js';
import type { UmfMessage } from '../../protocol/message.js';
import { HydraContext, type ReceivedCall } from './hydra-context.js';

/** The way back to a caller. */
export interface Replies {
  value(value: unknown): void;
  /** The last word; with a last value, or alone. A promise where it takes its time to leave; it rejects if it cannot. */
  complete(hasValue: boolean, value?: unknown): void | Promise<void>;
  error(error: unknown): void | Promise<void>;
  /** No handler began, and none will. Another instance may take the call if the error is retryable. */
  refuse(error: unknown): void;
  /** The last word at once, whatever waits for room. */
  breakOff(error: unknown): void;
  /** Whether another value can leave, or be made ready to leave, now. */
  readonly hasRoom: boolean;
  /** The caller has room until that many bytes were sent, counted from the beginning. */
  grant(total: number): void;
  /** Asks the caller for the room that it waits for, if it does. */
  remind?(): void;
  /** Where values take their time to leave: who is told what becomes of them. */
  watch?(listener: ReplyListener): void;
}

export interface ReplyListener {
  /** A value has left, and another may follow. */
  room(): void;
  /** A value cannot leave. */
  failed(error: unknown): void;
}

/** Replies to an event: nobody hears them. */
export const NO_REPLIES: Replies = Object.freeze({
  value: () => undefined,
  complete: () => undefined,
  error: () => undefined,
  refuse: () => undefined,
  breakOff: () => undefined,
  hasRoom: true,
  grant: () => undefined,
});

/** Where a call comes from. */
export interface Origin {
  /** Address of the caller. */
  readonly from: string;
  /** Address that the caller wrote to. */
  readonly to: string;
  /** Where the caller listens for the answer, where that is known. */
  readonly replyChannel: string | undefined;
  /** The call is over. */
  ended(call: IncomingCall): void;
  /** The call was not carried out. */
  refused(call: IncomingCall): void;
}

/** The origin of what is not kept account of: an event, or a message of a Hydra 1.x process. */
export function looseOrigin(from: string, to: string): Origin {
  return { from, to, replyChannel: undefined, ended: () => undefined, refused: () => undefined };
}

/** One call or event in the hands of this process. */
export class IncomingCall extends Timed implements ReceivedCall {
  readonly context: HydraContext;
  /** Ends the handler's Observable. */
  subscription: Subscription | undefined;
  /** Told when the caller may have room again. */
  onCredit: (() => void) | undefined;
  startedAt = 0;
  /** Its data was read, and its handler called. */
  hasBegun = false;
  /** The handler gave its result; a stream may still be going on. */
  hasReturned = false;
  /** Its last word is said, and on its way out. */
  isFinishing = false;
  isOver = false;

  constructor(
    readonly id: number | string,
    readonly bound: BoundHandler,
    readonly data: unknown,
    readonly metadata: Readonly<Record<string, string>> | undefined,
    readonly origin: Origin,
    readonly deadlineAt: number,
    readonly replies: Replies,
    /** As it came, if it came as UMF. */
    readonly message?: UmfMessage | undefined,
  ) {
    super();
    this.context = new HydraContext([this]);
  }

  /** Ends the handler's stream. What its teardown throws is the handler's affair, and must not end this process. */
  unsubscribe(): void {
    try {
      this.subscription?.unsubscribe();
    } catch (error) {
      this.context.abort(error);
    }
  }

  /** Nothing more is to be said. */
  get isSettled(): boolean {
    return this.isOver || this.isFinishing;
  }

  get pattern(): string {
    return this.bound.pattern;
  }

  get from(): string {
    return this.origin.from;
  }

  get to(): string {
    return this.origin.to;
  }

  get receivedOn(): string {
    return new Date().toISOString();
  }
}
