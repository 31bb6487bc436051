import type { Span, Tracer } from '@opentelemetry/api';

import { delegateOf, type OpenTelemetry } from './open-telemetry.js';

/** How the usual sampler of an SDK describes itself: what was not sampled where it began is not sampled further on. */
const KEEPS_UNSAMPLED =
  /^ParentBased\{.*, remoteParentNotSampled=AlwaysOffSampler, localParentSampled=[^,{}]*, localParentNotSampled=AlwaysOffSampler\}$/;

/** Whose parent was sampled is sampled. */
const USUAL_OF_OTHERS = /, remoteParentSampled=AlwaysOnSampler, .*localParentSampled=AlwaysOnSampler, /;

/** Samplers of an SDK that decide by the trace id alone. */
const LOOKS_AT_NO_ATTRIBUTES =
  /^ParentBased\{root=(AlwaysOnSampler|AlwaysOffSampler|TraceIdRatioBased\{[\d.e-]+\}), /;

/** Whether attributes may come after the decision: most spans of a sampled application never get them. */
export function ignoresAttributes(api: OpenTelemetry): boolean {
  const text = samplerOf(api);
  return LOOKS_AT_NO_ATTRIBUTES.test(text) && USUAL_OF_OTHERS.test(text);
}

/**
 * Tells whether the SDK would not sample what a span is the parent of. Then it need not be asked for a span that records
 * nothing. Undefined where this is not known: the SDK decides.
 */
export function leavesUnsampled(api: OpenTelemetry): ((parent: Span) => boolean) | undefined {
  if (!KEEPS_UNSAMPLED.test(samplerOf(api))) return undefined;
  const { SAMPLED } = api.TraceFlags;
  return (parent) => {
    const { traceFlags, traceId } = parent.spanContext();
    return (traceFlags & SAMPLED) === 0 && traceId !== api.INVALID_TRACEID;
  };
}

/** What the sampler of the SDK says of itself; nothing that is known, where the SDK is another one. */
function samplerOf(api: OpenTelemetry): string {
  const { _sampler: sampler } = (delegateOf(api) ?? {}) as Partial<Tracer> & { readonly _sampler?: unknown };
  return String(sampler);
}
