import { handlerEnd, handlerRefused, handlerStart } from '../../diagnostics/channels.js';
import type { HandlerDiagnostic } from '../../diagnostics/events.js';
import type { HydraError } from '../../hydra-error.js';
import type { Context } from '../../redis/context.js';
import type { Metrics } from '../../metrics/metrics.js';
import { OTHER } from '../../metrics/work-series.js';
import { decodeAddress } from '../../protocol/address.js';
import type { IncomingCall } from './incoming-call.js';

type ObserverContext = Pick<Context, 'id' | 'options' | 'clock' | 'metrics'>;

/** Tells observers that a handler is about to run, and has it run in what they bound; undefined where there are none. */
export function handlerStarted(context: ObserverContext, call: IncomingCall): HandlerDiagnostic | undefined {
  if (!handlerStart.hasSubscribers && !handlerEnd.hasSubscribers) return undefined;
  const { id: instanceId, options, clock } = context;
  const event: HandlerDiagnostic = {
    kind: call.handler.isEvent ? 'event' : 'call',
    instanceId,
    service: options.service,
    pattern: call.pattern,
    headers: call.metadata ?? {},
    from: call.from,
    remainingMs: call.deadlineAt - clock.monotonic(),
    durationMs: undefined,
    error: undefined,
  };
  call.context.startIn(handlerStart, event);
  return event;
}

/** A call that no handler began with. */
export interface RefusedCall {
  readonly pattern: string;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** Whether a handler here has its pattern. */
  readonly isKnown: boolean;
}

/** Tells observers of a call that is refused before its handler begins, or whose caller has gone by then. */
export function callRefused(
  { id: instanceId, options, metrics }: ObserverContext,
  { pattern, metadata, isKnown }: RefusedCall,
  error: HydraError,
): void {
  metrics?.handled.of('call', isKnown ? pattern : OTHER).ended(0, error);
  if (!handlerRefused.hasSubscribers) return;
  const { code } = error;
  const { service } = options;
  handlerRefused.publish({ instanceId, service, pattern, isKnown, headers: metadata ?? {}, code });
}

/** A call or an event was handled. What came as UMF is also counted by its sender, which may tell nobody of it itself. */
export function countHandled(metrics: Metrics, call: IncomingCall, tookMs: number, error: unknown): void {
  const { handler, pattern, message } = call;
  metrics.handled.of(handler.isEvent ? 'event' : 'call', pattern).ended(tookMs, error);
  const caller = message && decodeAddress(message.from)?.service;
  if (caller) metrics.foreignCalls.of(caller, pattern).ended(tookMs, error);
}
