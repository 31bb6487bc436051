/** Sends the parts of one answer to its caller. */
export interface Replies {
  value(value: unknown): void;
  /**
   * The end of the answer, with a last value or without one. A promise if it cannot be sent at once; it rejects if it
   * cannot be sent.
   */
  complete(hasValue: boolean, value?: unknown): void | Promise<void>;
  error(error: unknown): void | Promise<void>;
  /** No handler began, and none will begin. Another instance may get the call if the error is retryable. */
  refuse(error: unknown): void;
  /** Sends the end at once, and drops the values that wait. */
  breakOff(error: unknown): void;
  /** The caller does not want it any more: nothing that waits is sent. For replies that send again what was lost. */
  abandon?(): void;
  /** Whether another value can be sent or encoded now. */
  readonly hasRoom: boolean;
  /** How many of the first values are not under way any more, for replies that know it. */
  readonly settledValues?: number | undefined;
  /** The caller grants this many bytes, counted from the beginning of the answer. */
  grant(total: number): void;
  /** Requests the grant that it waits for, if it waits for one. */
  remind?(): void;
  /** For replies that send values later: the listener that is told whether they were sent. */
  watch?(listener: ReplyListener): void;
}

export interface ReplyListener {
  /** A value was sent, and another one may follow. */
  room(): void;
  /** A value cannot be sent. */
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
