import { resolveOptions, type QueueOptions } from '../../../lib/hydra-options.js';

const resolve = (queue: QueueOptions) => resolveOptions({ service: 'jobs', queue }).queue;

describe('options of the queue', () => {
  it('are complete', () => {
    expect(resolve({})).toEqual({
      jobs: {
        concurrency: 10,
        attempts: 3,
        backoff: { type: 'exponential', delayMs: 1_000, maxMs: 60_000 },
        timeoutMs: 0,
        rateLimit: undefined,
        queue: 'default',
      },
      patterns: {},
      completed: { count: 1_000, ageMs: 3_600_000, data: false },
      dead: { count: 10_000, ageMs: 1_209_600_000 },
      dedupMs: 3_600_000,
      noHandlerMs: 604_800_000,
      blockedMs: 30_000,
    });
  });

  it.each<[string, QueueOptions]>([
    ['queue.concurrency', { concurrency: 0 }],
    ['queue.attempts', { attempts: 0.5 }],
    ['queue.timeoutMs', { timeoutMs: -1 }],
    ['queue.backoff', { backoff: {} as never }],
    ['queue.backoff.delayMs', { backoff: { type: 'fixed', delayMs: -1 } }],
    ['queue.completed.ageMs', { completed: { ageMs: 0 } }],
    ['queue.patterns["pdf"].rateLimit.max', { patterns: { pdf: { rateLimit: { max: 0, perMs: 1 } } } }],
    ['queue.patterns["pdf"].queue', { patterns: { pdf: { queue: 'a:service' } } }],
  ])('name %s where it is wrong', (option, queue) => {
    expect(() => resolve(queue)).toThrow(`[BAD_OPTION] ${option} must be`);
  });
});
