import { HydraError } from '../../hydra-error.js';
import type { IncomingCall } from './incoming-call.js';

/** Values that a handler may produce ahead of a caller that does not keep up, before its stream is ended. */
const MAX_AHEAD = 65_536;

/**
 * Carries the values of a handler's stream to the caller, no faster than the caller takes them. An async iterable is
 * asked for the next value only when there is room; an Observable cannot be held back, so its values wait here, and a
 * stream that runs too far ahead is ended with `STREAM_OVERFLOW`.
 */
export class StreamPump {
  private readonly waiting: unknown[] = [];
  private hasHeld = false;
  private held: unknown;
  private onEnd: ((hasLast: boolean, last: unknown) => void) | undefined;

  constructor(
    private readonly call: IncomingCall,
    private readonly fail: (error: unknown) => void,
  ) {
    call.onCredit = () => this.flush();
    call.replies.watch?.({
      room: () => call.onCredit?.(),
      failed: (error) => {
        call.unsubscribe();
        fail(error);
        // Who waits for room need not.
        call.onCredit?.();
      },
    });
  }

  /** The newest value is held back, so that the last one can travel with the completion. */
  push(value: unknown): void {
    if (this.call.isSettled) return;
    if (this.hasHeld) this.queue(this.held);
    this.hasHeld = true;
    this.held = value;
    // A value that is not followed at once must not wait for the next.
    queueMicrotask(() => this.release());
  }

  /** The stream failed; `act` runs once every value before that has left. */
  endWithError(act: () => void): void {
    this.release();
    this.end(act);
  }

  /** The stream ended; `act` runs once what waits has left, with the value held back if there is one. */
  end(act: (hasLast: boolean, last: unknown) => void): void {
    this.onEnd = act;
    this.flush();
  }

  async pullFrom(values: AsyncIterable<unknown>): Promise<void> {
    this.release();
    this.call.context.signal.addEventListener('abort', () => this.call.onCredit?.(), { once: true });
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
    const text = `the stream of "${this.call.pattern}" is ${MAX_AHEAD} values ahead of its caller`;
    this.call.unsubscribe();
    this.fail(new HydraError('STREAM_OVERFLOW', text));
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
      this.call.unsubscribe();
      this.fail(error);
    }
  }

  private roomOrEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.call.onCredit = () => {
        this.flush();
        resolve();
      };
    });
  }
}
