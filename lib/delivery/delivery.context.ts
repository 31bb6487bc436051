import { BaseRpcContext } from '@nestjs/microservices';

/**
 * What every handler can know of what it handles, whichever way it came.
 *
 * @publicApi
 */
export abstract class DeliveryContext extends BaseRpcContext<unknown[]> {
  private controller: AbortController | undefined;
  private abortReason: unknown;
  private hasAborted = false;
  /** What the handler itself threw, before Nest's exception filters made of it what a caller may see. @internal */
  failure: unknown;

  /** What the handler was found by. */
  abstract getPattern(): string;
  /** The headers that it came with. */
  abstract getMetadata(): Readonly<Record<string, string>> | undefined;

  /** Aborted when nobody wants the outcome any more; its reason is a HydraError that says why. */
  get signal(): AbortSignal {
    // Made when first asked for: most handlers never do, and an AbortController costs more than a call.
    this.controller ??= new AbortController();
    if (this.hasAborted && !this.controller.signal.aborted) this.controller.abort(this.abortReason);
    return this.controller.signal;
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
