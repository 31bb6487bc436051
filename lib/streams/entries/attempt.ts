import { isObservable, lastValueFrom, type Observable } from 'rxjs';

import type { DeliveryContext } from '../../delivery/delivery-context.js';
import { handlerObservable } from '../../delivery/handler-observable.js';
import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { Clock } from '../../runtime/clock.js';
import { withTimeout } from '../../runtime/waiting.js';
import { HydraBatchContext } from '../hydra-entry-context.js';
import type { Entry, EntryRun } from './entry.js';
import type { EntryHandler } from './entry-handler.js';

export interface Failure {
  readonly reason: unknown;
}

/** Why the entry at an index failed; undefined when it succeeded. */
export type FailureOf = (index: number) => Failure | undefined;

/** What an attempt needs to run. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly dispatch: Dispatch;
}

/** One run of a handler with one entry, or with the entries of a batch. */
export class Attempt implements EntryRun {
  private readonly context: DeliveryContext;
  private readonly isBatch: boolean;

  constructor(
    private readonly parts: AttemptParts,
    private readonly handler: EntryHandler,
    readonly entries: readonly Entry[],
  ) {
    this.isBatch = handler.batch !== undefined;
    this.context = this.isBatch
      ? new HydraBatchContext([entries.map((entry) => entry.begin(this))])
      : entries[0]!.begin(this);
  }

  /**
   * Runs the handler. `ended` is called with undefined when all entries succeeded, otherwise with a function that says
   * why the entry at an index failed.
   *
   * It is a callback, because one more promise for each entry costs too much.
   */
  async run(ended: (attempt: Attempt, failureOf: FailureOf | undefined) => void): Promise<void> {
    let failureOf: FailureOf | undefined;
    const { dispatch } = this.parts;
    try {
      const { timeoutMs, bound } = this.handler;
      const result = timeoutMs > 0 ? this.within(timeoutMs) : dispatch.run(bound, this.data, this.context);
      const value = await result;
      if (isObservable(value)) await this.lastOf(value);
      // What another consumer has by now, that one ends.
      if (this.entries.some(({ state }) => state !== 'lost')) this.context.completed();
      if (this.isBatch) failureOf = (index) => (this.context as HydraBatchContext).failureOf(index);
    } catch (shown) {
      // Nest's filters hide an unknown error, so the thrown error is used.
      const reason = this.context.failure ?? shown;
      this.context.failed(reason);
      failureOf = () => ({ reason });
    }
    dispatch.settled(this.context);
    for (const entry of this.entries) entry.stopped();
    ended(this, failureOf);
  }

  /** The handler may continue, but its signal says that its outcome is not wanted. */
  abort(reason: HydraError): void {
    this.context.abort(reason);
  }

  /** One entry belongs to another consumer: its signal aborts, and that of a batch once it has lost them all. */
  lose(entry: Entry, reason: HydraError): void {
    if (this.isBatch) (this.context as HydraBatchContext).lose(this.entries.indexOf(entry), reason);
    else this.context.abort(reason);
  }

  private get data(): unknown {
    return this.isBatch ? this.entries.map((entry) => entry.data) : this.entries[0]!.data;
  }

  private lastOf(values: Observable<unknown>): Promise<unknown> {
    // An interceptor may have added its own teardown.
    const safe = handlerObservable(values);
    return this.context.enter(() => lastValueFrom(safe, { defaultValue: undefined }));
  }

  private within(timeoutMs: number): Promise<void> {
    return withTimeout(this.parts.clock, this.toTheEnd(), timeoutMs, () => {
      const { stream, group } = this.handler;
      const text = `"${stream}" (${group}) was not handled within timeoutMs=${timeoutMs}`;
      const error = new HydraError('TIMEOUT', text);
      this.abort(error);
      return error;
    });
  }

  private async toTheEnd(): Promise<void> {
    const result = await this.parts.dispatch.run(this.handler.bound, this.data, this.context);
    if (isObservable(result)) await this.lastOf(result);
  }
}
