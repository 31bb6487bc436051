import { Controller, Logger } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';

import { HydraJobContext, QueuePattern, QueueService, Retry, type JobEvent } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const asked = new Map<string, number>();
let release = () => {};

@Controller()
class AttemptsController {
  @QueuePattern('echo')
  echo(data: unknown): unknown {
    return data;
  }

  @QueuePattern('second', { attempts: 2, backoff: 0 })
  second(_data: unknown, job: HydraJobContext): number {
    if (job.attempt < 2) throw new Error('the first');
    return job.attempt;
  }

  @QueuePattern('patient', { attempts: 1 })
  patient(@Ctx() { id, attempt }: HydraJobContext): unknown {
    const times = (asked.get(id) ?? 0) + 1;
    asked.set(id, times);
    return times < 4 ? Retry.after(5, { attempt: false }) : { times, attempt };
  }

  @QueuePattern('held', { attempts: 2, backoff: 0 })
  async held(_data: unknown, job: HydraJobContext): Promise<void> {
    if (job.attempt < 2) throw new Error('the first');
    await new Promise<void>((resolve) => (release = resolve));
  }

  @QueuePattern('fails', { attempts: 2, backoff: 0 })
  fails(): never {
    throw new Error('as always');
  }
}

let service: string;
let worker: TestService;
let queue: QueueService;

beforeAll(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('attempts');
  worker = await startService({ service, redis: await testRedis() }, [AttemptsController]);
  queue = worker.app.get(QueueService);
});

afterAll(() => worker.close());

describe('the attempts of a job', () => {
  it('are those that were begun, in whatever state it is', async () => {
    const done = await queue.add('second', 1);
    expect(await done.result()).toBe(2);
    expect(await queue.get(done.id)).toMatchObject({
      state: 'completed',
      attempts: 2,
      finishedAt: expect.any(Date),
    });
    const dead = await queue.add('fails', 1);
    await expect(dead.result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(await queue.get(dead.id)).toMatchObject({ state: 'dead', attempts: 2 });
    const held = await queue.add('held', 1);
    const view = () => queue.get(held.id);
    await eventually(async () => (await view())?.state === 'active' && (await view())?.attempts === 2, {
      what: 'the second attempt',
    });
    release();
    await held.result();
    const later = await queue.add('echo', 1, { delayMs: 60_000 });
    expect(await queue.get(later.id)).toMatchObject({ state: 'delayed', attempts: 0 });
  });

  it('that fail are logged with their job, and so are dead letters, of each reason', async () => {
    const warned: string[] = [];
    Logger.overrideLogger({ log() {}, error() {}, warn: (text: string) => warned.push(text) });
    atEnd(() => Logger.overrideLogger(false));
    // The log of a process is quiet for a while after each line.
    const { app } = await startService({ service: uniqueService('told'), redis: await testRedis() }, [
      AttemptsController,
    ]);
    const own = app.get(QueueService);
    const [failing, asking] = [await own.add('fails', 1), await own.add('patient', 1)];
    await expect(failing.result({ timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    await asking.result({ timeoutMs: 10_000 });
    expect(warned.filter((line) => line.includes('job '))).toEqual([
      `attempt 1 of job ${failing.id} of "fails" failed, the next is in 0 ms: Error: as always`,
      `job ${failing.id} of "fails" is a dead letter: Error: as always`,
    ]);
  });

  it('are not fewer for one that asked to be tried later and said that nothing failed', async () => {
    const events: JobEvent[] = [];
    const listening = queue.events().subscribe((event) => {
      if (event.type !== 'added') events.push(event);
    });
    const job = await queue.add('patient', 1);
    expect(await job.result()).toEqual({ times: 4, attempt: 1 });
    expect(await queue.get(job.id)).toMatchObject({ state: 'completed', attempts: 1 });
    await eventually(() => events.some(({ id, type }) => id === job.id && type === 'completed'), {
      what: 'the event',
    });
    const [event, ...rest] = events.filter(({ id, type }) => id === job.id && type !== 'started');
    expect(event).toMatchObject({ type: 'completed', finishedAt: expect.any(Date) });
    expect(rest).toEqual([]);
    listening.unsubscribe();
  });
});
