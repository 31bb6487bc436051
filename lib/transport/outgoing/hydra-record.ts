import { HydraError } from '../../hydra-error.js';
import { badOption, checkStreamName } from '../../hydra-options.js';

/**
 * Data with what belongs to one call of it.
 *
 * @publicApi
 */
export class HydraRecord<T = unknown> {
  constructor(
    readonly data: T,
    readonly timeoutMs: number | undefined,
    readonly headers: Readonly<Record<string, string>> | undefined,
    readonly isIdempotent: boolean,
    readonly key?: string | undefined,
    readonly fallback?: 'queue' | undefined,
    readonly stream?: string | undefined,
  ) {}
}

/**
 * Builds the data of one call together with its timeout, headers and idempotency:
 * `client.send('sum', new HydraRecordBuilder([1, 2]).setTimeout(500).setIdempotent(true).build())`.
 *
 * @publicApi
 */
export class HydraRecordBuilder<T = unknown> {
  private timeoutMs: number | undefined;
  private headers: Readonly<Record<string, string>> | undefined;
  private isIdempotent = false;
  private key: string | undefined;
  private fallback: 'queue' | undefined;
  private stream: string | undefined;

  constructor(private data?: T) {}

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
    this.timeoutMs = timeoutMs;
    return this;
  }

  /** What the handler reads with `context.getMetadata()`. */
  setHeaders(headers: Readonly<Record<string, string>>): this {
    this.headers = headers;
    return this;
  }

  /** The call may be executed twice: it is sent again elsewhere when its instance is lost. @defaultValue false */
  setIdempotent(isIdempotent: boolean): this {
    this.isIdempotent = isIdempotent;
    return this;
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
    this.key = key;
    return this;
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
    this.fallback = fallback;
    return this;
  }

  /**
   * The stream that `emit` keeps this event in, whatever the client's `durableEvents` says: `setStream('orders')`. `send`
   * and `broadcast` do not heed it.
   *
   * @throws HydraError `BAD_OPTION` unless it is a name
   */
  setStream(stream: string): this {
    this.stream = checkStreamName('the stream of a record', stream);
    return this;
  }

  build(): HydraRecord<T> {
    const { timeoutMs, headers, isIdempotent, key, fallback, stream } = this;
    return new HydraRecord(this.data as T, timeoutMs, headers, isIdempotent, key, fallback, stream);
  }
}
