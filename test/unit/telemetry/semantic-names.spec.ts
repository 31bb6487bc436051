import * as current from '@opentelemetry/semantic-conventions/incubating';
import * as stable from '@opentelemetry/semantic-conventions';

import {
  Attribute,
  DURATION_BOUNDS_S,
  Metric,
  OperationType,
} from '../../../lib/telemetry/semantic-names.js';

const textsOf = (names: object) =>
  new Set(Object.values(names).filter((value): value is string => typeof value === 'string'));
const isMessaging = (name: string) => name.startsWith('messaging.');

describe('the names of spans and metrics', () => {
  it('are stable ones of the conventions, for calls and HTTP', () => {
    const names = [...Object.values(Attribute), ...Object.values(Metric)].filter(
      (name) => !isMessaging(name),
    );
    expect(names.filter((name) => !textsOf(stable).has(name))).toEqual([]);
    expect(names).toContain(stable.ATTR_RPC_METHOD);
    expect(names).toContain(stable.METRIC_RPC_CLIENT_CALL_DURATION);
  });

  it('are the current ones, for jobs, entries and events', () => {
    const names = [...Object.values(Attribute), ...Object.values(Metric)].filter(isMessaging);
    expect(names.filter((name) => !textsOf(current).has(name))).toEqual([]);
    expect(names).toContain(current.ATTR_MESSAGING_SYSTEM_NAME);
    expect(Object.values(OperationType)).toEqual([
      current.MESSAGING_OPERATION_TYPE_VALUE_SEND,
      current.MESSAGING_OPERATION_TYPE_VALUE_PROCESS,
    ]);
  });

  it('come with the bounds that the conventions advise', () => {
    expect(DURATION_BOUNDS_S).toHaveLength(14);
    expect(DURATION_BOUNDS_S).toEqual(DURATION_BOUNDS_S.toSorted((a, b) => a - b));
  });
});
