import { EventPattern } from '@nestjs/microservices';

import type { Backoff } from '../delivery/backoff.js';
import { keepFailure } from '../delivery/handler.failure.js';
import type { DeliveryExtras } from '../delivery/source.js';

/** The member of an entry's data that orders it: its name (`customer`, `customer.id`), or a function of the data. */
export type OrderBy = string | ((data: never) => unknown);

/**
 * Where a group begins that does not exist yet: with what is published from now on, with everything that is stored, with
 * an entry's id, or with a time. A group that exists goes on where it is.
 */
export type StreamStart = 'new' | 'beginning' | (string & {}) | Date;

/** @publicApi */
export interface BatchOptions {
  /** Entries handed over at once, at most. */
  readonly size: number;
  /** How long the first waits for more, in milliseconds. @defaultValue 10 */
  readonly waitMs?: number;
}

/** @publicApi */
export interface StreamPatternOptions {
  /** Each group is given every entry once, shared among its instances. @defaultValue the service's name */
  readonly group?: string;
  /** @defaultValue 'new' */
  readonly from?: StreamStart;
  /** Only entries published with this type come to this handler. @defaultValue all that no other handler of the group takes */
  readonly type?: string;
  /** Entries (or batches) that this handler has in hand at once, in this instance. @defaultValue `streams.concurrency` */
  readonly concurrency?: number;
  /**
   * How often an entry is tried before it becomes a dead letter; once more, and alone, when the last owner died with it in
   * hand, for it need not have been the cause. @defaultValue `streams.attempts`
   */
  readonly attempts?: number;
  /** @defaultValue `streams.retryMinMs`, `streams.retryMaxMs` */
  readonly backoff?: Partial<Backoff>;
  /**
   * Entries with an equal value are handled one after another in the whole group, in their order in the stream; where the
   * value is undefined or null, in parallel. @defaultValue none
   */
  readonly orderBy?: OrderBy;
  /** Hands an array to the handler. @defaultValue none */
  readonly batch?: BatchOptions;
  /** After this long an attempt counts as failed and its signal aborts, in milliseconds; 0 means never. @defaultValue 0 */
  readonly timeoutMs?: number;
}

/** The transport id of HydraServer: no other transport takes these handlers. */
const HYDRA = Symbol.for('hydra');

/**
 * Handles the entries of a stream: `@StreamPattern('orders', { orderBy: 'customer' })`. At least once: an entry is
 * acknowledged when the handler has returned; when it throws it is tried again later, and in the end becomes a dead
 * letter. What other instances leave behind as they die is handled as well.
 *
 * @publicApi
 */
export function StreamPattern(stream: string, options: StreamPatternOptions = {}): MethodDecorator {
  const extras: DeliveryExtras = { hydra: { mode: 'entry', options } };
  return (target, key, descriptor) => {
    keepFailure(target, key, descriptor);
    EventPattern<string>(stream, HYDRA, extras as Record<string, unknown>)(target, key, descriptor);
  };
}
