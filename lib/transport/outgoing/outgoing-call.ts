import type { WritePacket } from '@nestjs/microservices';

import { Timed } from '../../delivery/deadline-wheel.js';
import type { HydraError } from '../../hydra-error.js';
import type { Balancer, Instance } from '../../hydra-options.js';
import type { Selection } from '../../registry/discovery/selection.js';
import type { ServiceView } from '../../registry/discovery/service-view.js';
import { presentContext } from '../../runtime/async-context.js';
import type { Published, Sender } from '../wire/messenger.js';
import type { AnswerCredit } from './reply-window.js';

/** Where the calls of one client go. Not part of each request: spreading it in cost more than the rest of the client. */
export interface Route {
  readonly view: ServiceView;
  readonly balancer: Balancer;
  /** A user's own balancer may refuse the only instance; ours take it. */
  readonly asksAlways: boolean;
  /** Only these instances will do; undefined: all. */
  readonly selection: Selection | undefined;
  /** Only this instance will do. */
  readonly instanceId: string | undefined;
}

/** What to call, and how long and how hard to try. */
export interface CallRequest {
  /** Nest's normalised pattern. */
  readonly pattern: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs: number;
  /** May be carried out twice without harm: tried again where the outcome is unknown. */
  readonly isIdempotent: boolean;
  /** Calls with the same key go to the same instance, while it is there. */
  readonly key: string | undefined;
  /** Where it goes when no instance is up. */
  readonly fallback: Fallback | undefined;
}

/** Where a call may go when no instance is up. */
export type Fallback = 'queue';

/**
 * Nest's callback: any number of responses, then one that is disposed, with the last response, an error, or neither. A promise
 * where a response takes its time to reach the subscriber.
 */
export type Reply = (packet: WritePacket) => unknown;

/** Acts on what happens to a call. */
export interface CallKeeper {
  published(call: OutgoingCall, outcome: Published): void;
}

/** One call from its start to its end, over as many instances as it takes. */
export class OutgoingCall extends Timed implements Sender {
  readonly deadlineAt: number;
  /** Where the present attempt went; undefined while the call is waiting for somewhere to go. */
  instance: Instance | undefined;
  /** When the present attempt left. */
  sentAt = 0;
  /** Set when it went to a Hydra 1.x instance, which answers by this id. */
  mid: string | undefined;
  /** Instances that refused the call or were not reached. */
  tried: Set<string> | undefined;
  /** One among them that is there, and that the call got lost on the way to: it may have it again, where no other is left. */
  missedBy: string | undefined;
  /** Bytes that the present attempt's answer may send ahead, unasked; 0 where nobody counts. */
  share = 0;
  /** What the answer was granted, once more than that had to be. */
  credit: AnswerCredit | undefined;
  /** Values received so far: once there is one, the call is not moved. */
  received = 0;
  /** Probes that found the call finished at its instance, while the answer was not here. */
  missedAnswers = 0;
  /** Probes that did not find the call at its instance. */
  missedArrivals = 0;
  /** Since when, an instant, it found nobody to go to. */
  waitingSince: number | undefined;
  /** Why the last attempt ended. */
  lastRefusal: HydraError | undefined;
  /** An attempt has ended without anybody knowing whether it was carried out. */
  mayHaveRun = false;
  /** It is on its way into its service's queue. */
  isQueueing = false;
  isOver = false;
  private readonly context = presentContext();

  constructor(
    /** What instances know it by; another one after an answer or the call itself was lost. */
    public id: number,
    readonly request: CallRequest,
    readonly route: Route,
    private readonly observer: Reply,
    readonly startedAt: number,
    private readonly keeper: CallKeeper,
  ) {
    super();
    this.deadlineAt = startedAt + request.timeoutMs;
  }

  published(outcome: Published): void {
    if (outcome !== 'delivered') this.keeper.published(this, outcome);
  }

  /** Tells whoever made the call, in the asynchronous context that it was made in. */
  reply(packet: WritePacket): unknown {
    return this.context.runInAsyncScope(this.observer, undefined, packet);
  }

  exclude(instanceId: string): void {
    (this.tried ??= new Set()).add(instanceId);
  }
}
