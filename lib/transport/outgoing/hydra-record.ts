import { HydraError } from '../../hydra-error.js';
import { badOption, checkStreamName } from '../../hydra-options.js';

/**
 * What belongs to one call beside its data.
 *
 * @publicApi
 */
export interface HydraRecordOptions {
  /** How long to wait for the answer, in milliseconds. @defaultValue the client's `timeoutMs` */
  readonly timeoutMs?: number | undefined;
  /** What the handler reads with `context.getMetadata()`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Whether the call may be executed twice. @defaultValue false */
  readonly isIdempotent?: boolean | undefined;
  /** Calls with the same key go to the same instance. */
  readonly key?: string | undefined;
  /** Where the call goes when no instance is up. @defaultValue nowhere: it fails */
  readonly fallback?: 'queue' | undefined;
  /** The stream that `emit` keeps the event in. @defaultValue as the client's `durableEvents` says */
  readonly stream?: string | undefined;
}

/**
 * Data with what belongs to one call of it. {@link HydraRecordBuilder} makes it, and checks what it is given.
 *
 * @publicApi
 */
export class HydraRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly options: HydraRecordOptions = {},
  ) {}
}

/**
 * Builds the data of one call together with its timeout, headers and idempotency:
 * `client.send('sum', new HydraRecordBuilder([1, 2]).setTimeout(500).setIdempotent(true).build())`.
 *
 * @publicApi
 */
export class HydraRecordBuilder<T = unknown> {
  private options: HydraRecordOptions = {};

  constructor(private data?: T) {}

  /** The data of the call, in place of what the constructor was given. */
  setData(data: T): this {
    this.data = data;
    return this;
  }

  /**
   * How long to wait for the answer, in milliseconds; the client's `timeoutMs` otherwise.
   *
   * @throws HydraError `BAD_OPTION` unless it is a finite number above 0
   */
  setTimeout(timeoutMs: number): this {
    if (!(timeoutMs > 0) || !Number.isFinite(timeoutMs)) {
      throw badOption('the timeout of a record', timeoutMs, 'a number > 0');
    }
    return this.with({ timeoutMs });
  }

  /** What the handler reads with `context.getMetadata()`. */
  setHeaders(headers: Readonly<Record<string, string>>): this {
    return this.with({ headers });
  }

  /** The call may be executed twice: it is sent again elsewhere when its instance is lost. @defaultValue false */
  setIdempotent(isIdempotent: boolean): this {
    return this.with({ isIdempotent });
  }

  /**
   * Calls with the same key go to the same instance for as long as it is there: `setKey(customer.id)`.
   *
   * @throws HydraError `BAD_OPTION` unless it is a string
   */
  setKey(key: string): this {
    if (typeof key !== 'string') {
      throw new HydraError('BAD_OPTION', `the key of a record must be a string, got ${String(key)}`);
    }
    return this.with({ key });
  }

  /**
   * When no instance of the service is up, the call goes into the service's default queue, as a job with the same
   * pattern, data and headers for a `@QueuePattern` handler, instead of failing with `NO_INSTANCE`. `send` and `emit` then
   * give a {@link HydraQueued} and complete. Never after the call may have reached an instance; not for `broadcast`, nor
   * for a client that is bound to an instance, a version or tags.
   *
   * @defaultValue no fallback
   * @throws HydraError `BAD_OPTION` for anything but 'queue'
   */
  setFallback(fallback: 'queue'): this {
    if (fallback !== 'queue') {
      throw new HydraError('BAD_OPTION', `the fallback of a record must be 'queue', got ${String(fallback)}`);
    }
    return this.with({ fallback });
  }

  /**
   * The stream that `emit` keeps this event in, whatever the client's `durableEvents` says: `setStream('orders')`. `send`
   * and `broadcast` do not heed it.
   *
   * @throws HydraError `BAD_OPTION` unless it is a name
   */
  setStream(stream: string): this {
    return this.with({ stream: checkStreamName('the stream of a record', stream) });
  }

  /** The record, to be given where data goes. The builder may go on to make others. */
  build(): HydraRecord<T> {
    return new HydraRecord(this.data as T, this.options);
  }

  private with(options: HydraRecordOptions): this {
    this.options = { ...this.options, ...options };
    return this;
  }
}
