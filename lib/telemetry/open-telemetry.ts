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
    return wholeOf((await import(packageName)) as LoadedApi);
  } catch (cause) {
    throw new HydraError(
      'BAD_OPTION',
      'HydraTelemetryModule needs the package @opentelemetry/api; install it: npm install @opentelemetry/api',
      { cause },
    );
  }
}

/** A module as `import()` gives it, or, compiled to CommonJS, as `require` does. */
export type LoadedApi = object & { readonly default?: unknown };

/** All of the API: where it was required, its own `default` is a part of it only. */
export function wholeOf(loaded: LoadedApi): OpenTelemetry {
  return ('createNoopMeter' in loaded ? loaded : loaded.default) as OpenTelemetry;
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
