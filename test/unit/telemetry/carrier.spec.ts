import * as api from '@opentelemetry/api';
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core';

import { Carrier } from '../../../lib/telemetry/carrier.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const { ROOT_CONTEXT, propagation, trace } = api;

const w3c = new CompositePropagator({
  propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
});
const getter = {
  keys: (headers: Record<string, string>) => Object.keys(headers),
  get: (headers: Record<string, string>, name: string) => headers[name],
};

describe('a carrier', () => {
  beforeAll(() => void propagation.setGlobalPropagator(w3c));
  afterAll(() => propagation.disable());
  const carrier = new Carrier(api);

  it.each<[string, Record<string, string>]>([
    ['a sampled parent', { traceparent: `00-${TRACE}-${SPAN}-01` }],
    ['an unsampled parent', { traceparent: `00-${TRACE}-${SPAN}-00` }],
    ['a random trace id', { traceparent: `00-${TRACE}-${SPAN}-03` }],
    ['unknown flags', { traceparent: `00-${TRACE}-${SPAN}-ff` }],
    ['a later version', { traceparent: `cc-${TRACE}-${SPAN}-01-more` }],
    ['this version with more', { traceparent: `00-${TRACE}-${SPAN}-01-more` }],
    ['no trace id', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` }],
    ['no span id', { traceparent: `00-${TRACE}-${'0'.repeat(16)}-01` }],
    ['upper case', { traceparent: `00-${TRACE.toUpperCase()}-${SPAN}-01` }],
    ['what is no trace', { traceparent: 'constructor' }],
    ['a state', { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'a=1,b=2' }],
    ['baggage alone', { baggage: 'tenant=acme' }],
    ['baggage', { traceparent: `00-${TRACE}-${SPAN}-01`, baggage: 'tenant=acme' }],
    ['nothing', {}],
  ])('reads %s as the propagator does', (_, headers) => {
    const expected = w3c.extract(ROOT_CONTEXT, headers, getter);
    const read = carrier.extract(headers);
    expect(trace.getSpanContext(read)).toEqual(trace.getSpanContext(expected));
    expect(propagation.getBaggage(read)?.getAllEntries()).toEqual(
      propagation.getBaggage(expected)?.getAllEntries(),
    );
  });

  it.each<[string, Record<string, string>]>([
    ['a sampled parent', { traceparent: `00-${TRACE}-${SPAN}-01` }],
    ['a random trace id, sampled', { traceparent: `00-${TRACE}-${SPAN}-03` }],
    ['a state', { traceparent: `00-${TRACE}-${SPAN}-00`, tracestate: 'a=1' }],
    ['baggage', { traceparent: `00-${TRACE}-${SPAN}-00`, baggage: 'tenant=acme' }],
    ['no trace id', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-00` }],
    ['a later version', { traceparent: `cc-${TRACE}-${SPAN}-00` }],
    ['nothing', {}],
  ])('does not take %s for a parent that was not sampled', (_, headers) => {
    expect(carrier.extractUnsampled(headers)).toBeUndefined();
  });

  it('reads a parent that was not sampled when it is asked for, as the propagator does', () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-00` };
    const read = carrier.extractUnsampled(headers)!;
    const key = api.createContextKey('other');
    const expected = trace.getSpanContext(w3c.extract(ROOT_CONTEXT, headers, getter));
    for (const one of [read, read.setValue(key, 'more'), read.deleteValue(key)])
      expect(trace.getSpanContext(one)).toEqual(expected);
    expect(read.setValue(key, 'more').getValue(key)).toBe('more');
    expect([read.getValue(key), trace.getSpan(trace.deleteSpan(read))]).toEqual([undefined, undefined]);
    expect(trace.getSpan(read)).toBe(trace.getSpan(read));
  });

  it.each<[string, api.SpanContext]>([
    ['a sampled span', { traceId: TRACE, spanId: SPAN, traceFlags: 1 }],
    ['an unsampled span', { traceId: TRACE, spanId: SPAN, traceFlags: 0 }],
    ['a state', { traceId: TRACE, spanId: SPAN, traceFlags: 1, traceState: api.createTraceState('a=1') }],
    ['no span', api.INVALID_SPAN_CONTEXT],
  ])('writes %s as the propagator does, with and without baggage', (_, spanContext) => {
    const span = trace.wrapSpanContext(spanContext);
    const baggage = propagation.createBaggage({ tenant: { value: 'acme' } });
    for (const around of [ROOT_CONTEXT, propagation.setBaggage(ROOT_CONTEXT, baggage)]) {
      const [expected, written]: Record<string, string>[] = [{}, {}];
      propagation.inject(trace.setSpan(around, span), expected!);
      carrier.inject(around, span, written!);
      expect(written).toEqual(expected);
    }
  });

  it('leaves it to another propagator, whenever that was set', () => {
    const headers: Record<string, string> = {};
    const other: api.TextMapPropagator = {
      fields: () => ['b3'],
      inject: (_context, to, setter) => setter.set(to, 'b3', 'written'),
      extract: (around) => around,
    };
    propagation.disable();
    propagation.setGlobalPropagator(other);
    carrier.inject(
      ROOT_CONTEXT,
      trace.wrapSpanContext({ traceId: TRACE, spanId: SPAN, traceFlags: 1 }),
      headers,
    );
    expect(headers).toEqual({ b3: 'written' });
    expect(trace.getSpanContext(carrier.extract({ traceparent: `00-${TRACE}-${SPAN}-01` }))).toBeUndefined();
    expect(carrier.extractUnsampled({ traceparent: `00-${TRACE}-${SPAN}-00` })).toBeUndefined();
    propagation.disable();
    propagation.setGlobalPropagator(w3c);
  });

  it('puts a span into a context as the API does', () => {
    const key = api.createContextKey('other');
    const span = trace.wrapSpanContext({ traceId: TRACE, spanId: SPAN, traceFlags: 1 });
    const around = carrier.put(ROOT_CONTEXT.setValue(key, 'kept'), span);
    expect(trace.getSpan(around)).toBe(span);
    expect(around.getValue(key)).toBe('kept');
    const changed = around.setValue(key, 'changed');
    expect([trace.getSpan(changed), changed.getValue(key)]).toEqual([span, 'changed']);
    const without = trace.deleteSpan(around);
    expect([trace.getSpan(without), without.getValue(key)]).toEqual([undefined, 'kept']);
  });
});
