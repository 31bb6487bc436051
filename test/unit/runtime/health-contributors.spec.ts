import assert from 'node:assert';

import { HealthContributors, type HealthProbe } from '../../../lib/index.js';

describe('the contributors to health', () => {
  it('are all asked', () => {
    const health = new HealthContributors();
    health.contribute('queue', () => ({ activity: { running: 2 } }));
    health.contribute('stream', () => ({ activity: { lag: 7 }, problem: 'stalled' }));
    expect(health.collect()).toEqual({
      activity: { queue: { running: 2 }, stream: { lag: 7 } },
      problems: ['stream: stalled'],
      warnings: [],
    });
  });

  it('do not take each other down', () => {
    const health = new HealthContributors();
    health.contribute('bad', () => {
      throw new Error('boom');
    });
    health.contribute('good', () => ({ activity: { running: 1 } }));
    expect(health.collect()).toEqual({
      activity: { good: { running: 1 } },
      problems: ['bad: its probe failed: Error: boom'],
      warnings: [],
    });
  });

  it.each<[string, () => unknown, unknown, string[]]>([
    ['nothing', () => undefined, {}, []],
    ['a big integer', () => ({ activity: { n: 10n, kept: 1 } }), { odd: { kept: 1 } }, []],
    ['what is no number', () => ({ activity: { a: Number.NaN, b: 'x', c: {} } }), { odd: {} }, []],
    [
      'a toJSON that throws',
      () => ({ activity: { n: { toJSON: () => assert.fail() } }, problem: { toString: () => 'stuck' } }),
      { odd: {} },
      ['odd: stuck'],
    ],
    [
      'a getter that throws',
      () => ({
        get activity() {
          throw new Error('boom');
        },
      }),
      {},
      ['odd: its probe failed: Error: boom'],
    ],
    [
      'an unreadable error',
      () => {
        throw Object.create(null);
      },
      {},
      ['odd: its probe failed: what it throws cannot be read'],
    ],
    [
      'a promise that fails',
      () => Promise.reject(new Error('boom')),
      {},
      ['odd: its probe failed: it answers with a promise'],
    ],
  ])('may answer with %s', (_, probe, activity, problems) => {
    const health = new HealthContributors();
    health.contribute('odd', probe as HealthProbe);
    const collected = health.collect();
    expect(collected).toEqual({ activity, problems, warnings: [] });
    expect(() => JSON.stringify(collected)).not.toThrow();
  });

  it('are forgotten when they say so, unless another took their name', () => {
    const health = new HealthContributors();
    const forget = health.contribute('queue', () => ({ activity: { running: 1 } }));
    health.contribute('queue', () => ({ activity: { running: 2 } }));
    forget();
    expect(health.collect().activity).toEqual({ queue: { running: 2 } });
  });
});
