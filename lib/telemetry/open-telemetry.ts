import type { Tracer } from '@opentelemetry/api';

import { HydraError } from '../hydra-error.js';

/** The API of OpenTelemetry, as the application has it. */
export type OpenTelemetry = typeof import('@opentelemetry/api');

/**
 * Loads it. All copies of it in a process share one registration, so that it does not matter which one is found.
 *
 * @throws HydraError `BAD_OPTION` where it is not installed
 */
export async function loadOpenTelemetry(): Promise<OpenTelemetry> {
  // In a variable, so that no bundler looks for what need not be there.
  const packageName: string = '@opentelemetry/api';
  try {
    const loaded = (await import(packageName)) as OpenTelemetry & { readonly default?: OpenTelemetry };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new HydraError(
      'BAD_OPTION',
      'HydraTelemetryModule needs the package @opentelemetry/api; install it: npm install @opentelemetry/api',
      { cause },
    );
  }
}

const SCOPE = 'nestjs-hydra';

/** Whether an SDK that makes spans is registered. */
export function hasTracer(api: OpenTelemetry): boolean {
  return delegateOf(api) !== undefined;
}

/** The tracer of the SDK; undefined while there is none. */
export function delegateOf({ trace }: OpenTelemetry): Tracer | undefined {
  const provider = trace.getTracerProvider() as { getDelegateTracer?: (name: string) => Tracer | undefined };
  return provider.getDelegateTracer?.(SCOPE);
}

/** Whether an SDK that keeps metrics is registered: its instruments cannot be had before. */
export function hasMeter({ metrics, createNoopMeter }: OpenTelemetry): boolean {
  return metrics.getMeter(SCOPE) !== createNoopMeter();
}

export function tracerOf({ trace }: OpenTelemetry) {
  return trace.getTracer(SCOPE);
}

export function meterOf({ metrics }: OpenTelemetry) {
  return metrics.getMeter(SCOPE);
}
