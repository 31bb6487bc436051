import type { Span, Tracer } from '@opentelemetry/api';

import { delegateOf, type OpenTelemetry } from './open-telemetry.js';

/** How the usual sampler of an SDK describes itself: what was not sampled where it began is not sampled further on. */
const KEEPS_UNSAMPLED =
  /^ParentBased\{.*, remoteParentNotSampled=AlwaysOffSampler, localParentSampled=[^,{}]*, localParentNotSampled=AlwaysOffSampler\}$/;

/**
 * Tells whether the SDK would not sample what a span is the parent of. Then it need not be asked for a span that records
 * nothing. False wherever this is not known: the SDK decides.
 */
export function leavesUnsampled(api: OpenTelemetry): (parent: Span) => boolean {
  const { _sampler: sampler } = (delegateOf(api) ?? {}) as Tracer & { readonly _sampler?: unknown };
  if (!KEEPS_UNSAMPLED.test(String(sampler))) return () => false;
  const { SAMPLED } = api.TraceFlags;
  return (parent) => {
    const { traceFlags, traceId } = parent.spanContext();
    return (traceFlags & SAMPLED) === 0 && traceId !== api.INVALID_TRACEID;
  };
}
