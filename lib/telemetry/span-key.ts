import type { Context } from '@opentelemetry/api';

import type { OpenTelemetry } from './open-telemetry.js';

/** The API does not export under which key it keeps spans: it is asked to put one into a context that tells. */
export function spanKey({ trace, ROOT_CONTEXT: root }: OpenTelemetry): symbol | undefined {
  let found: symbol | undefined;
  const telling: Context = {
    getValue: () => undefined,
    setValue: (key) => {
      found = key;
      return root;
    },
    deleteValue: () => root,
  };
  trace.setSpan(telling, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }));
  return found;
}
