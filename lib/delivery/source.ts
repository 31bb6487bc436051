import type { MessageHandler } from '@nestjs/microservices';

import type { DeliveryContext } from './delivery-context.js';

/** How a handler is reached: by a call, from a work queue, from a stream. */
export type DeliveryMode = 'call' | 'job' | 'entry';

/** What a decorator puts in the `extras` of a handler to say how it is reached; without it, by calls. */
export interface DeliveryExtras {
  readonly hydra?: { readonly mode: DeliveryMode; readonly options: object };
}

/** One handler: its pattern, its decorator's options, and the whole Nest pipeline behind one function. */
export interface BoundHandler {
  readonly pattern: string;
  readonly isEvent: boolean;
  /** The options of a job or entry handler's decorator; `{}` for a call. */
  readonly options: object;
  readonly handler: MessageHandler;
}

/** What the server gives its sources: the handlers of their mode, and a method that runs one. */
export interface Dispatch {
  handlers(mode: DeliveryMode): ReadonlyMap<string, BoundHandler>;
  /**
   * Runs a handler inside Nest's processing hooks. The result is the handler's: a value, or an Observable, which must be
   * subscribed. A handler's own failure comes as an Observable that errors, as Nest's pipeline has it.
   */
  run(bound: BoundHandler, data: unknown, context: DeliveryContext): Promise<unknown>;
  /** Ends what `run` began. Call it once for each `run`, when its result was processed or its promise rejected. */
  settled(context: DeliveryContext): void;
}

/** One kind of input: calls, jobs or entries. The server starts each source, and drains it when it stops. */
export interface Source {
  /**
   * Looks, before anything is connected, whether its handlers are as they have to be.
   *
   * @throws HydraError `BAD_OPTION`
   */
  check?(): void;
  /** Resolves when work can arrive. */
  start(): Promise<void>;
  /** Accepts no more work, and resolves when the work in progress is finished or handed back, or when the time is over. */
  drain(deadlineAt: number): Promise<void>;
}
