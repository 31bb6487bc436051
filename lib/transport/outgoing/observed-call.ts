import { callEnd, callRetry, callStart } from '../../diagnostics/channels.js';
import { publishEnd, type Mutable } from '../../diagnostics/ending.js';
import type { CallDiagnostic } from '../../diagnostics/events.js';
import type { CallRequest, CallTarget } from './outgoing-call.js';

/** Tells observers that a call begins, in the context of whoever makes it; undefined where there are none. */
export function callStarted(
  kind: CallDiagnostic['kind'],
  instanceId: string,
  { pattern, data, timeoutMs, metadata }: CallRequest,
  { view }: CallTarget,
): CallDiagnostic | undefined {
  if (!callStart.hasSubscribers && !callEnd.hasSubscribers && !callRetry.hasSubscribers) return undefined;
  const event: CallDiagnostic = {
    kind,
    instanceId,
    service: view.service,
    pattern,
    data,
    timeoutMs,
    headers: { ...metadata },
    attempts: 0,
    targetId: undefined,
    payloadBytes: undefined,
    durationMs: undefined,
    error: undefined,
  };
  callStart.publish(event);
  return event;
}

/** The request with the headers that observers have added. */
export function withHeaders(request: CallRequest, { headers }: CallDiagnostic): CallRequest {
  return Object.keys(headers).length === 0 ? request : { ...request, metadata: headers };
}

/** It was sent once more, with this text. */
export function callSent(event: CallDiagnostic, targetId: string | undefined, text: string): void {
  const sent = event as Mutable<CallDiagnostic>;
  sent.targetId = targetId;
  sent.payloadBytes = Buffer.byteLength(text);
  sent.attempts++;
  if (event.attempts > 1 && callRetry.hasSubscribers) callRetry.publish(event);
}

export function callEnded(event: CallDiagnostic, durationMs: number, error: unknown): void {
  publishEnd(callEnd, event, durationMs, error);
}
