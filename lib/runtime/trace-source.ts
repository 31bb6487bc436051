/** Where a line of a log belongs. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

type TraceSource = () => TraceIds | undefined;

const NOWHERE: TraceSource = () => undefined;
let source = NOWHERE;

/** Whoever traces this process says which span the code that asks runs in; the returned function takes that back. */
export function setTraceSource(given: TraceSource): () => void {
  source = given;
  return () => {
    if (source === given) source = NOWHERE;
  };
}

/** The span around the code that asks; undefined where there is no tracing, or no span. */
export function currentTrace(): TraceIds | undefined {
  return source();
}
