import type { Observable, Subscription } from 'rxjs';

import { handlerObservable } from '../../delivery/handler-observable.js';
import { HydraError } from '../../hydra-error.js';
import type { IncomingCall } from './incoming-call.js';

/** How many values of a handler may wait for a slow caller. With more, the answer ends with an error. */
const MAX_AHEAD = 65_536;

/** Is told how a streamed reply ends. */
export interface StreamListener {
  /** All values were sent, except the last one if there is one. */
  streamCompleted(call: IncomingCall, hasLast: boolean, last?: unknown): void;
  /** The handler's Observable failed; all values before that were sent. */
  streamFailed(call: IncomingCall, error: unknown): void;
  /** The handler's generator failed; all values before that were sent. */
  generatorFailed(call: IncomingCall, error: unknown): void;
  /** A value cannot be sent. */
  valueFailed(call: IncomingCall, error: unknown): void;
}

/**
 * Sends the values of a handler's answer, no faster than the caller takes them. An async iterable is asked for the next
 * value only when the caller has room. An Observable cannot be slowed down, so its values wait here; when too many
 * wait, the answer ends with `REPLY_OVERFLOW`.
 */
export class ReplyStream {
  private readonly waiting: unknown[] = [];
  private hasHeld = false;
  private held: unknown;
  private onEnd: ((hasLast: boolean, last: unknown) => void) | undefined;
  /** Ends the wait for room. */
  private proceed: (() => void) | undefined;
  private subscription: Subscription | undefined;

  constructor(
    private readonly call: IncomingCall,
    private readonly listener: StreamListener,
  ) {
    call.replies.watch?.({
      room: () => this.onRoom(),
      failed: (error) => {
        this.endWith(error);
        // A generator that waits for room need not.
        this.onRoom();
      },
    });
  }

  /** Whether an Observable is subscribed. */
  get isOpen(): boolean {
    return this.subscription?.closed === false;
  }

  /** One value of lookahead: most streams have one value, and its reply is complete in itself. */
  subscribe(values: Observable<unknown>): void {
    const { call, listener } = this;
    let iterable: AsyncIterable<unknown> | undefined;
    this.subscription = handlerObservable(values).subscribe({
      next: (value) => {
        // With an interceptor, a generator is the value of an Observable.
        if (isAsyncIterable(value)) iterable = value;
        else if (value !== undefined) this.push(value);
      },
      error: (error: unknown) => {
        this.release();
        this.end(() => listener.streamFailed(call, error));
      },
      complete: () => {
        if (iterable) this.pull(iterable);
        else this.end((hasLast, last) => listener.streamCompleted(call, hasLast, last));
      },
    });
    if (call.isSettled) this.stop();
  }

  pull(values: AsyncIterable<unknown>): void {
    this.pullAll(values).then(
      () => this.listener.streamCompleted(this.call, false),
      (error: unknown) => this.listener.generatorFailed(this.call, error),
    );
  }

  /** The caller may have room again. */
  onRoom(): void {
    this.flush();
    this.proceed?.();
  }

  /** Unsubscribes the handler's Observable. If its teardown throws, this must not end the process. */
  stop(): void {
    try {
      this.subscription?.unsubscribe();
    } catch (error) {
      this.call.context.abort(error);
    }
  }

  /** The newest value is held back, so that the last one can travel with the completion. */
  private push(value: unknown): void {
    if (this.call.isSettled) return;
    if (this.hasHeld) this.queue(this.held);
    this.hasHeld = true;
    this.held = value;
    // A value that is not followed at once must not wait for the next.
    queueMicrotask(() => this.release());
  }

  /** `act` runs when all values that wait were sent, with the value that was held back if there is one. */
  private end(act: (hasLast: boolean, last: unknown) => void): void {
    this.onEnd = act;
    this.flush();
  }

  private async pullAll(values: AsyncIterable<unknown>): Promise<void> {
    this.release();
    this.call.context.signal.addEventListener('abort', () => this.onRoom(), { once: true });
    for await (const value of values) {
      if (this.call.isSettled) return;
      this.queue(value);
      while (!this.call.isSettled && this.isFull) await this.roomOrEnd();
    }
  }

  private release(): void {
    if (!this.hasHeld || this.onEnd || this.call.isSettled) return;
    const value = this.held;
    this.hasHeld = false;
    this.held = undefined;
    this.queue(value);
  }

  private queue(value: unknown): void {
    if (this.waiting.length === 0 && this.call.replies.hasRoom) return this.send(value);
    this.waiting.push(value);
    if (this.waiting.length <= MAX_AHEAD) return;
    const text = `the answer of "${this.call.pattern}" is ${MAX_AHEAD} values ahead of its caller`;
    this.endWith(new HydraError('REPLY_OVERFLOW', text));
  }

  private flush(): void {
    if (this.call.isSettled) return;
    while (this.waiting.length > 0 && this.call.replies.hasRoom) this.send(this.waiting.shift());
    if (this.waiting.length > 0 || !this.onEnd) return;
    const act = this.onEnd;
    this.onEnd = undefined;
    act(this.hasHeld, this.held);
  }

  private get isFull(): boolean {
    return this.waiting.length > 0 || !this.call.replies.hasRoom;
  }

  private send(value: unknown): void {
    try {
      this.call.replies.value(value);
    } catch (error) {
      this.endWith(error);
    }
  }

  private endWith(error: unknown): void {
    this.stop();
    this.listener.valueFailed(this.call, error);
  }

  private roomOrEnd(): Promise<void> {
    return new Promise((resolve) => (this.proceed = resolve));
  }
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
