import { HealthContributors } from '../../../lib/index.js';

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

  it('are forgotten when they say so, unless another took their name', () => {
    const health = new HealthContributors();
    const forget = health.contribute('queue', () => ({ activity: { running: 1 } }));
    health.contribute('queue', () => ({ activity: { running: 2 } }));
    forget();
    expect(health.collect().activity).toEqual({ queue: { running: 2 } });
  });
});
