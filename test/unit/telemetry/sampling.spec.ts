import * as api from '@opentelemetry/api';
import {
  AlwaysOnSampler,
  InMemorySpanExporter,
  NodeTracerProvider,
  ParentBasedSampler,
  SimpleSpanProcessor,
  TraceIdRatioBasedSampler,
  type Sampler,
} from '@opentelemetry/sdk-trace-node';

import { tracerOf } from '../../../lib/telemetry/open-telemetry.js';
import { Spans } from '../../../lib/telemetry/spans.js';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
const facts = () => ({ name: 'math/sum', kind: api.SpanKind.SERVER, attributes: {} });

/** Handles what came with these headers, calls another service from there, and gives what was recorded and sent. */
function handled(sampler: Sampler, headers: Record<string, string>) {
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const spans = new Spans(api, tracerOf(api));
  const [event, call]: { runIn?: ((enter: () => void) => void) | undefined }[] = [{}, {}];
  const sent: Record<string, string> = {};
  let made = 0;
  const counted = () => {
    made++;
    return facts();
  };
  spans.beginHandling(event!, headers, counted);
  event!.runIn!(() => spans.beginSending(call!, sent, counted));
  spans.end(call!, undefined);
  spans.end(event!, undefined);
  return { recorded: exporter.getFinishedSpans().length, sent: sent['traceparent'], made };
}

describe('a span whose parent was not sampled', () => {
  afterEach(() => {
    for (const one of [api.trace, api.context, api.propagation]) one.disable();
  });
  const usual = new ParentBasedSampler({ root: new AlwaysOnSampler() });

  it('is not made, and what is sent belongs to the same trace, which stays unsampled', () => {
    const traceparent = `${PARENT}-00`;
    expect(handled(usual, { traceparent })).toEqual({ recorded: 0, sent: traceparent, made: 0 });
  });

  it('is made where the sampler does not keep to its parent', () => {
    const own = [
      new AlwaysOnSampler(),
      new ParentBasedSampler({ root: new AlwaysOnSampler(), remoteParentNotSampled: new AlwaysOnSampler() }),
    ];
    for (const sampler of own) {
      expect(handled(sampler, { traceparent: `${PARENT}-00` })).toMatchObject({ recorded: 2, made: 2 });
      for (const one of [api.trace, api.context, api.propagation]) one.disable();
    }
  });

  it('is decided by the sampler where there is no parent', () => {
    const never = new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(0) });
    const { recorded, sent, made } = handled(never, {});
    expect({ recorded, made }).toEqual({ recorded: 0, made: 1 });
    expect(sent).toMatch(/-00$/);
  });

  it('is not meant where the parent was sampled', () => {
    const { recorded, sent } = handled(usual, { traceparent: `${PARENT}-01` });
    expect(recorded).toBe(2);
    expect(sent).toMatch(/-01$/);
  });
});
