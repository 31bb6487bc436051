import type { AsyncResource } from 'node:async_hooks';
import type { Channel } from 'node:diagnostics_channel';

import { BaseRpcContext } from '@nestjs/microservices';

import type { EnteredDiagnostic } from '../diagnostics/events.js';
import { freshContext, outside, presentContext } from '../runtime/async-context.js';
import { withDeadline, type HandlerDeadline } from './deadline-context.js';

/**
 * What every handler can read about its call, event, job or entry.
 *
 * @publicApi
 */
export abstract class DeliveryContext extends BaseRpcContext<unknown[]> {
  private controller: AbortController | undefined;
  private abortReason: unknown;
  private hasAborted = false;
  private begunAt: number | undefined;
  private asyncContext: AsyncResource | undefined;
  private ambient: HandlerDeadline | undefined;
  private thrown: unknown;
  private hasOutcome = false;

  /** The pattern of the handler. */
  abstract getPattern(): string;
  /** The headers that it came with. */
  abstract getMetadata(): Readonly<Record<string, string>> | undefined;

  /** Aborts when the outcome is not wanted any more. Its reason is a HydraError that says why. */
  get signal(): AbortSignal {
    // Made when first asked for: most handlers never do, and an AbortController costs more than a call.
    this.controller ??= new AbortController();
    if (this.hasAborted && !this.controller.signal.aborted) this.controller.abort(this.abortReason);
    return this.controller.signal;
  }

  /** The error that the handler threw, before Nest's exception filters changed it. @internal */
  get failure(): unknown {
    return this.thrown;
  }

  /** The handler threw. @internal */
  failed(error: unknown): void {
    this.thrown = error;
  }

  /** It came to its end by itself, whether or not it had been told to stop. @internal */
  completed(): void {
    this.hasOutcome = true;
  }

  /** What it ended with instead of an outcome; undefined where it gave one. @internal */
  get error(): unknown {
    if (this.hasOutcome) return undefined;
    return this.thrown ?? (this.hasAborted ? this.abortReason : undefined);
  }

  /** Sets the deadline for the calls that the handler makes. @internal */
  bindTo(deadline: HandlerDeadline | undefined): void {
    this.ambient = deadline;
  }

  /**
   * Runs a part of the handler: its guards and interceptors with it, and later the stream that it gave. All of it is in one
   * asynchronous context, which is nobody else's: messages that arrive together would share the connection's.
   * @internal
   */
  enter<T>(act: () => T): T {
    this.asyncContext ??= freshContext();
    const { ambient } = this;
    return this.asyncContext.runInAsyncScope(ambient ? () => withDeadline(ambient, act) : act);
  }

  /** Lets the handler, and all its parts, run in the context that observers bound to this channel. @internal */
  startIn<Event extends EnteredDiagnostic>(channel: Channel<unknown, Event>, event: Event): void {
    const enter = () => void (this.asyncContext = presentContext());
    outside(() => channel.runStores(event, () => (event.runIn ? event.runIn(enter) : enter())));
  }

  /** The handler has returned, or its stream has ended: what still runs has no deadline any more. @internal */
  release(): void {
    if (this.ambient) this.ambient.isOver = true;
  }

  /** It begins at this moment, by `clock.monotonic()`. @internal */
  begin(now: number): void {
    this.begunAt = now;
  }

  /** @internal */
  get startedAt(): number | undefined {
    return this.begunAt;
  }

  /** @internal */
  get isAborted(): boolean {
    return this.hasAborted;
  }

  /** @internal */
  abort(reason: unknown): void {
    if (this.hasAborted) return;
    this.hasAborted = true;
    this.abortReason = reason;
    this.controller?.abort(reason);
  }
}
