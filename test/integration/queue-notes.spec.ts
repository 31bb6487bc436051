import { isDeepStrictEqual } from 'node:util';
import { Controller, Logger } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';

import { DeadLetter, HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import type { LeaseOutcome } from '../../lib/queue/scripts/lease-outcome.js';
import { WorkerLink } from '../../lib/queue/worker/worker-link.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let charges: string[] = [];
let failures: unknown[] = [];

@Controller()
class NoteController {
  @QueuePattern('order', { attempts: 3, backoff: 10 })
  async order(@Payload() { dies }: { dies?: number }, @Ctx() job: HydraJobContext): Promise<unknown> {
    const charge = () => {
      charges.push(job.id);
      return { receipt: charges.length, list: [] };
    };
    // Asked for twice at once, it still runs once.
    const [receipt, same] = await Promise.all([job.step('charge', charge), job.step('charge', charge)]);
    failures.push(isDeepStrictEqual(same, receipt));
    failures.push(await job.step('nothing', () => undefined));
    if (job.attempt < (dies ?? 0)) throw new Error('later');
    if (dies === 0) throw new DeadLetter('for a person');
    return receipt;
  }

  @QueuePattern('flaky', { attempts: 3, backoff: 10 })
  async flaky(@Ctx() job: HydraJobContext): Promise<unknown> {
    return job.step('flaky', () => {
      charges.push(job.id);
      if (job.attempt === 1) throw new Error('not yet');
      return 'done';
    });
  }

  @QueuePattern('huge', { attempts: 2, backoff: 10 })
  async huge(@Ctx() job: HydraJobContext): Promise<void> {
    await job.step('huge', () => {
      charges.push(job.id);
      return 'x'.repeat(70_000);
    });
  }

  @QueuePattern('cut', { attempts: 1 })
  async cut(@Ctx() job: HydraJobContext): Promise<void> {
    const aborted = new Promise<void>((resolve) => job.signal.addEventListener('abort', () => resolve()));
    charges.push('begun');
    await aborted;
    failures.push(await job.step('late', () => charges.push('late')).catch((error: unknown) => error));
    failures.push(await job.log('late').catch((error: unknown) => error));
  }

  /** Redis cannot keep the first step: what should hold it is of another kind meanwhile. */
  @QueuePattern('unkept', { attempts: 2, backoff: 10 })
  async unkept(@Ctx() job: HydraJobContext): Promise<unknown> {
    const { commands } = worker.app.get(HydraInstance).redis;
    const { state } = keysOf();
    const step = () =>
      job.step('charge', async () => {
        charges.push(job.id);
        await commands.set(state, 'no hash');
        return 7;
      });
    if (job.attempt > 1) return step();
    await step().catch((error: unknown) => failures.push(error));
    await commands.del(state);
    throw new Error('later');
  }

  @QueuePattern('named', { attempts: 2, backoff: 10 })
  async named(@Payload() names: string[], @Ctx() job: HydraJobContext): Promise<void> {
    for (const name of names) {
      await job.step(name, () => charges.push(name)).catch((error: unknown) => failures.push(error));
    }
    if (job.attempt === 1) throw new Error('later');
  }

  @QueuePattern('many', { attempts: 1 })
  async many(
    @Payload() { count, length, result }: { count: number; length: number; result: number },
    @Ctx() job: HydraJobContext,
  ): Promise<void> {
    const steps = Array.from({ length: count }, async (_, at) => {
      await job.step(`${at}`.padEnd(length, '.'), () => {
        charges.push('run');
        return 'x'.repeat(result);
      });
    });
    for (const { status } of await Promise.allSettled(steps)) failures.push(status);
  }

  @QueuePattern('silent first', { attempts: 2, backoff: 10 })
  async silentFirst(@Payload() name: string, @Ctx() job: HydraJobContext): Promise<void> {
    if (job.attempt === 1) throw new Error('again');
    await job.log(name);
  }

  @QueuePattern('chat', { attempts: 2, backoff: 10 })
  async chat(@Payload() lines: number, @Ctx() job: HydraJobContext): Promise<void> {
    for (let line = 0; line < lines; line++) await job.log(`${line} ${'x'.repeat(2_000)}`);
    if (job.attempt === 1) throw new Error('again');
  }
}

let worker: Awaited<ReturnType<typeof startService>>;
let queue: QueueService;
let service: string;

beforeEach(async () => {
  Logger.overrideLogger(false);
  [charges, failures] = [[], []];
  service = uniqueService('notes');
  worker = await startService({ service, redis: await testRedis() }, [NoteController]);
  queue = worker.app.get(QueueService);
});

afterEach(() => worker.close());

const keysOf = () => createQueueKeys(worker.app.get(HydraInstance).keys, service);

describe('a step of a job', () => {
  it('runs once over all attempts, and gives what it gave', async () => {
    const job = await queue.add('order', { dies: 3 });
    expect(await job.result({ timeoutMs: 10_000 })).toEqual({ receipt: 1, list: [] });
    expect(charges).toEqual([job.id]);
    expect(failures).toEqual([true, undefined, true, undefined, true, undefined]);
    expect(await worker.app.get(HydraInstance).redis.commands.hlen(keysOf().state)).toBe(0);
  });

  it('does not run again when its job is redriven, and does for a later job of the same id', async () => {
    const id = 'order-7';
    const job = await queue.add('order', { dies: 0 }, { id, dedupMs: 1 });
    await expect(job.result({ timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(await queue.redrive(id)).toEqual([id]);
    await eventually(async () => (await queue.deadLetters()).length === 1, { what: 'its second death' });
    expect(charges).toEqual([id]);
    await queue.remove(id);
    await queue.add('order', {}, { id, dedupMs: 1 }).result({ timeoutMs: 10_000 });
    expect(charges).toEqual([id, id]);
  });

  it('that throws is run again by the next attempt', async () => {
    const job = await queue.add('flaky', 0);
    expect(await job.result({ timeoutMs: 10_000 })).toBe('done');
    expect(charges).toEqual([job.id, job.id]);
  });

  it('whose result is too large is not run again, and says so', async () => {
    const job = await queue.add('huge', 0);
    await expect(job.result({ timeoutMs: 10_000 })).rejects.toThrow(
      /step "huge" of job .* is done, and not run again/,
    );
    expect(charges).toEqual([job.id]);
  });

  it('does not begin once the job is not held any more, and no line is written', async () => {
    const job = await queue.add('cut', 0);
    await eventually(() => charges.length === 1, { what: 'its beginning' });
    await queue.cancel(job.id);
    await eventually(() => failures.length === 2, { what: 'both refusals' });
    expect(failures).toEqual([
      expect.objectContaining({ code: 'LEASE_LOST' }),
      expect.objectContaining({ code: 'LEASE_LOST' }),
    ]);
    expect(charges).toEqual(['begun']);
  });
});

describe('a step that Redis has kept, or that has run,', () => {
  const raw = '{"to":"a:/","frm":"b:/","mid":"m","ts":"2026-01-01T00:00:00.000Z","typ":"p","bdy":{}}';
  const state = { failures: 1 };
  const outcomes: LeaseOutcome[] = [
    { what: 'retry', lease: '1-w', id: 'm', addedAt: 0, delayMs: 60_000, state, event: '' },
    { what: 'return', lease: '1-w', state, hasBegun: true },
    { what: 'requeue', lease: '1-w', state },
    { what: 'unserved', lease: '1-w', pattern: 'p', state },
  ];

  it.each(outcomes)('stays when its attempt ends without knowing of it: $what', async (outcome) => {
    const hydra = worker.app.get(HydraInstance);
    const link = new WorkerLink(hydra, `kept-${outcome.what}`);
    const { commands } = hydra.redis;
    await commands.hset(link.keys.leases(hydra.id), '1-w', raw);
    expect(await link.keepStep('1-w', raw, 'charge', '7')).toBe(true);
    await link.exchange({ count: 1, outcomes: [outcome], wanted: 0, leases: 1, slots: [], isIdle: false });
    const kept = JSON.parse((await commands.hget(link.keys.state, raw)) ?? '{}') as unknown;
    expect(kept).toEqual({ failures: 1, steps: { charge: '7' } });
  });

  it('does not run again where Redis could not keep it', async () => {
    const job = await queue.add('unkept', 0);
    expect(await job.result({ timeoutMs: 10_000 })).toBe(7);
    expect(charges).toEqual([job.id]);
    expect(failures).toEqual([expect.any(Error)]);
  });

  it('is told from what every object has, and may not be named __proto__', async () => {
    await queue.add('named', ['first', 'constructor', 'toString', '__proto__']).result({ timeoutMs: 10_000 });
    expect(charges).toEqual(['first', 'constructor', 'toString']);
    const refusal = expect.objectContaining({ code: 'BAD_OPTION' });
    expect(failures).toEqual([refusal, refusal]);
  });
});

describe('the steps of a job', () => {
  const outcomesOf = (status: string) => failures.filter((one) => one === status).length;

  it('are a thousand at most: no other is begun', async () => {
    await queue.add('many', { count: 1_005, length: 1, result: 0 }).result({ timeoutMs: 20_000 });
    expect([outcomesOf('fulfilled'), outcomesOf('rejected')]).toEqual([1_000, 5]);
    expect(charges).toHaveLength(1_000);
  }, 30_000);

  it('have no more characters than they may, those of names and of steps that run at once among them', async () => {
    await queue.add('many', { count: 12, length: 6_000, result: 0 }).result({ timeoutMs: 20_000 });
    expect([outcomesOf('fulfilled'), outcomesOf('rejected'), charges.length]).toEqual([10, 2, 10]);
    [charges, failures] = [[], []];
    await queue.add('many', { count: 2, length: 1, result: 40_000 }).result({ timeoutMs: 20_000 });
    expect([outcomesOf('fulfilled'), outcomesOf('rejected'), charges.length]).toEqual([1, 1, 2]);
  }, 30_000);
});

describe('the log of a job', () => {
  it('keeps the last hundred lines of a thousand characters, over all attempts, as long as its outcome', async () => {
    const job = await queue.add('chat', 60);
    await job.result({ timeoutMs: 20_000 });
    const lines = await queue.logs(job.id);
    expect(lines).toHaveLength(100);
    expect(lines[0]).toMatchObject({ attempt: 1, at: expect.any(Date) });
    expect(lines[0]!.text).toMatch(/^20 x+$/);
    expect(lines.at(-1)).toMatchObject({ attempt: 2 });
    expect(lines.every(({ text }) => text.length === 1_000)).toBe(true);
    const { redis } = worker.app.get(HydraInstance);
    const life = () => redis.commands.pttl(keysOf().log(job.id));
    await eventually(async () => (await life()) <= 3_600_000, { what: 'its end' });
    expect(await life()).toBeGreaterThan(0);
    await queue.remove(job.id);
    expect(await queue.logs(job.id)).toEqual([]);
  }, 30_000);

  it('is empty for a job that nobody knows, and begins anew with a later job of the same id', async () => {
    expect(await queue.logs('nobody')).toEqual([]);
    for (const lines of [5, 1]) {
      await queue.add('chat', lines, { id: 'again', dedupMs: 1 }).result({ timeoutMs: 10_000 });
      const texts = (await queue.logs('again')).map(({ text }) => text[0]);
      expect(texts).toEqual(lines === 5 ? ['0', '1', '2', '3', '4', '0', '1', '2', '3', '4'] : ['0', '0']);
    }
    await expect(queue.logs('')).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('has no lines of an earlier job of the same id where the first attempt wrote none', async () => {
    for (const name of ['old', 'new']) {
      await queue.add('silent first', name, { id: 'same', dedupMs: 1 }).result({ timeoutMs: 10_000 });
      expect((await queue.logs('same')).map(({ text }) => text)).toEqual([name]);
    }
  });
});
