import { inspect } from 'node:util';

import { isObservable, lastValueFrom, type Observable } from 'rxjs';

import type { DeliveryContext } from '../../delivery/delivery-context.js';
import { handlerStream } from '../../delivery/handler-observable.js';
import type { Dispatch } from '../../delivery/source.js';
import { HydraError } from '../../hydra-error.js';
import type { Entry } from './entry.js';
import type { EntryHandler } from './entry-handler.js';
import { HydraBatchContext } from '../hydra-entry-context.js';

export interface Failure {
  readonly reason: unknown;
}

export type FailureOf = (index: number) => Failure | undefined;

/** One run of a handler with one entry, or with the entries of a batch. */
export class Attempt {
  private readonly context: DeliveryContext;
  private readonly isBatch: boolean;

  constructor(
    private readonly dispatch: Dispatch,
    private readonly handler: EntryHandler,
    readonly entries: readonly Entry[],
  ) {
    for (const entry of entries) entry.running = this;
    this.isBatch = handler.batch !== undefined;
    this.context = this.isBatch
      ? new HydraBatchContext([entries.map((entry) => entry.createContext())])
      : entries[0]!.createContext();
  }

  /**
   * Runs the handler. `ended` is told nothing when all did well, else what says why the entry at an index failed.
   *
   * A callback, because a promise more for each entry is felt.
   */
  async run(ended: (attempt: Attempt, failureOf: FailureOf | undefined) => void): Promise<void> {
    let failureOf: FailureOf | undefined;
    try {
      const { timeoutMs, bound } = this.handler;
      const result =
        timeoutMs > 0 ? this.within(timeoutMs) : this.dispatch.run(bound, this.data, this.context);
      const value = await result;
      if (isObservable(value)) await this.lastOf(value);
      if (this.isBatch) failureOf = (index) => (this.context as HydraBatchContext).failureOf(index);
    } catch (shown) {
      // What Nest's filters show of an unknown error says nothing; what was thrown does.
      const reason = this.context.failure ?? shown;
      failureOf = () => ({ reason });
    }
    this.dispatch.settled(this.context);
    for (const entry of this.entries) entry.running = undefined;
    ended(this, failureOf);
  }

  /** The handler goes on as it likes, but its signal says that nobody waits. */
  abort(reason: HydraError): void {
    this.context.abort(reason);
  }

  /** One entry is another consumer's by now: its signal aborts, and that of a batch once it has lost them all. */
  lose(entry: Entry, reason: HydraError): void {
    if (this.isBatch) (this.context as HydraBatchContext).lose(this.entries.indexOf(entry), reason);
    else this.context.abort(reason);
  }

  private get data(): unknown {
    return this.isBatch ? this.entries.map((entry) => entry.data) : this.entries[0]!.data;
  }

  private lastOf(values: Observable<unknown>): Promise<unknown> {
    // An interceptor may have put a teardown of its own behind the handler's.
    const safe = handlerStream(values);
    return this.context.enter(() => lastValueFrom(safe, { defaultValue: undefined }));
  }

  private within(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const { stream, group } = this.handler;
        const error = new HydraError(
          'TIMEOUT',
          `"${stream}" (${group}) was not handled within timeoutMs=${timeoutMs}`,
        );
        this.abort(error);
        reject(error);
      }, timeoutMs);
      const handle = async () => {
        const result = await this.dispatch.run(this.handler.bound, this.data, this.context);
        if (isObservable(result)) await this.lastOf(result);
      };
      handle()
        .finally(() => clearTimeout(timer))
        .then(resolve, reject);
    });
  }
}

/** Longer than anyone reads; a message may hold all that a handler was given. */
const LONGEST_REASON = 2_000;

/** A failure in a line: what the handler's pipeline made of what it threw. Never throws, whatever that is. */
export function describeFailure(reason: unknown): string {
  return textOf(reason).slice(0, LONGEST_REASON);
}

function textOf(reason: unknown): string {
  try {
    const { message } = (reason ?? {}) as { message?: unknown };
    if (typeof message === 'string') return message;
    return typeof reason === 'string' ? reason : (JSON.stringify(reason) ?? String(reason));
  } catch {
    return inspected(reason);
  }
}

/** What has no JSON: a cycle, a BigInt, a toJSON that throws. */
function inspected(reason: unknown): string {
  try {
    return inspect(reason, { depth: 2, breakLength: Infinity, customInspect: false });
  } catch {
    return 'a failure that cannot be printed';
  }
}
