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
  /** Where values take their time to leave: who is told whether they did. */
  watch?(listener: ReplyListener): void;
}

export interface ReplyListener {
  /** A value has left, and another may follow. */
  room(): void;
  /** A value cannot leave. */
  failed(error: unknown): void;
}

/** Replies to an event, which nobody receives. */
export const NO_REPLIES: Replies = Object.freeze({
  value: () => undefined,
  complete: () => undefined,
  error: () => undefined,
  refuse: () => undefined,
  breakOff: () => undefined,
  hasRoom: true,
  grant: () => undefined,
});
