import { Logger } from '@nestjs/common';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions, type ResolvedJobOptions } from '../../lib/hydra-options.js';
import type { BoundHandler } from '../../lib/delivery/source.js';
import type { LeaseOutcome } from '../../lib/queue/scripts/lease-outcome.js';
import type { HeldJob } from '../../lib/queue/worker/held-job.js';
import { PatternSlots } from '../../lib/queue/worker/pattern-slots.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let instance: HydraInstance;

beforeEach(async () => {
  Logger.overrideLogger(false);
  const options = { service: uniqueService('refund'), redis: await testRedis() };
  instance = new HydraInstance(resolveOptions(options));
  await instance.open();
});

afterEach(() => instance.close());

/** Takes jobs of one pattern as its worker does; gives how many came, and the lease of the first. */
async function takerOf(rateLimit: ResolvedJobOptions['rateLimit']) {
  const link = new WorkerLink(instance, 'default');
  const bound = { pattern: 'rated' } as BoundHandler;
  const slots = [new PatternSlots<HeldJob>(bound, { concurrency: 10, rateLimit } as ResolvedJobOptions)];
  const texts = Array.from({ length: 10 }, (_, n) =>
    JSON.stringify({ to: 'a:/', mid: `${n}`, typ: 'rated' }),
  );
  await instance.redis.commands.lpush(link.keys.waiting, ...texts);
  let [count, leases] = [0, 0];
  return async (wanted: number, outcomes: readonly LeaseOutcome[] = []) => {
    count++;
    const asked = { count, outcomes, wanted, leases, slots, isIdle: false };
    const [refused, jobs, , fence] = await link.exchange(asked);
    expect(refused).toEqual([]);
    const ended = outcomes.filter(({ what }) => what !== 'refund').length;
    leases += jobs.length - ended;
    return { taken: jobs.length, lease: `${fence}-${count}` };
  };
}

/** How a worker tells of a job that did not begin. */
const NOT_BEGUN: readonly (readonly [what: string, tell: (lease: string) => LeaseOutcome])[] = [
  ['goes back', (lease) => ({ what: 'return', lease, state: undefined, hasBegun: false })],
  ['was cancelled', (lease) => ({ what: 'refund', lease, pattern: 'rated' })],
];

describe.each(NOT_BEGUN)('the token of a job that %s before it began', (_, tell) => {
  it('is there again', async () => {
    const take = await takerOf({ max: 2, perMs: 3_600_000 });
    const { taken, lease } = await take(2);
    expect(taken).toBe(2);
    expect((await take(5)).taken).toBe(0);
    expect((await take(5, [tell(lease)])).taken).toBe(1);
  });

  it('does not count twice where another one has come in its place meanwhile', async () => {
    const take = await takerOf({ max: 2, perMs: 6_000 });
    const { lease } = await take(1);
    const from = performance.now();
    await eventually(() => performance.now() - from > 3_050, { what: 'the next token', timeoutMs: 6_000 });
    expect((await take(1)).taken).toBe(1);
    // As many as if the first job had never been taken.
    expect((await take(5, [tell(lease)])).taken).toBe(1);
  });
});
