import { EventPattern } from '@nestjs/microservices';

import { captureHandlerError } from '../delivery/capture-handler-error.js';
import type { DeliveryExtras } from '../delivery/source.js';
import { ENTRY_NAMES, type EntryOptions, type NamesOf } from '../hydra-options.js';

/**
 * How entries are collected to a batch.
 *
 * @publicApi
 */
export interface BatchOptions {
  /** The largest number of entries in a batch. */
  readonly size: number;
  /** How long the first entry of a batch waits for more, in milliseconds. @defaultValue 10 */
  readonly waitMs?: number;
}

/**
 * How one handler handles the entries of a stream.
 *
 * @publicApi
 */
export interface StreamPatternOptions extends EntryOptions {
  /** Only entries published with this type are given to this handler. @defaultValue those that no other handler of the group takes */
  readonly type?: string;
  /** The handler is given an array of entries. @defaultValue none: one entry */
  readonly batch?: BatchOptions;
}

export const PATTERN_NAMES = {
  ...ENTRY_NAMES,
  type: true,
  batch: { size: true, waitMs: true } satisfies NamesOf<BatchOptions>,
} satisfies NamesOf<StreamPatternOptions>;

/** The transport id of HydraServer: no other transport takes these handlers. */
const HYDRA = Symbol.for('hydra');

/**
 * Handles the entries of a stream: `@StreamPattern('orders', { orderBy: 'customer' })`. At least once: an entry is
 * acknowledged when the handler has returned; when it throws it is tried again later, and in the end becomes a dead
 * letter. The entries of instances that die are handled by the others.
 *
 * @publicApi
 */
export function StreamPattern(stream: string, options: StreamPatternOptions = {}): MethodDecorator {
  const extras: DeliveryExtras = { hydra: { mode: 'entry', options } };
  return (target, key, descriptor) => {
    captureHandlerError(target, key, descriptor);
    EventPattern<string>(stream, HYDRA, extras as Record<string, unknown>)(target, key, descriptor);
  };
}
