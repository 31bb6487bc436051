import { Controller, Logger } from '@nestjs/common';
import { Ctx, MessagePattern } from '@nestjs/microservices';
import { lastValueFrom, Observable } from 'rxjs';

import { HydraClient, HydraContext, HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const counts = { begun: 0, running: 0, most: 0 };

/** Runs until its signal aborts, and fails in the same tick, as `fromFetch` and others do. */
function untilAborted(signal: AbortSignal): Observable<never> {
  return new Observable((subscriber) => {
    counts.begun++;
    counts.most = Math.max(counts.most, ++counts.running);
    signal.addEventListener('abort', () => {
      counts.running--;
      subscriber.error(signal.reason);
    });
  });
}

@Controller()
class WaitingController {
  @MessagePattern('call')
  call(@Ctx() { signal }: HydraContext) {
    return untilAborted(signal);
  }

  @QueuePattern('slow', { concurrency: 1, attempts: 2, backoff: 0, timeoutMs: 100 })
  slow(@Ctx() { signal }: HydraJobContext) {
    return untilAborted(signal);
  }

  @QueuePattern('held', { concurrency: 1, attempts: 2, backoff: 0 })
  held(@Ctx() { signal }: HydraJobContext) {
    return untilAborted(signal);
  }
}

describe('a handler that fails as soon as its signal aborts', () => {
  let service: string;
  let redis: string;
  let server: TestService;
  let queue: QueueService;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [service, redis] = [uniqueService('by-signal'), await testRedisUrl()];
    server = await startService({ service, redis, calls: { maxConcurrency: 1 } }, [WaitingController]);
    queue = server.app.get(QueueService);
  });

  beforeEach(() => Object.assign(counts, { begun: 0, running: 0, most: 0 }));

  it('frees one place of calls.maxConcurrency, and no second one', async () => {
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    for (let left = 1; left <= 3; left++) {
      const answer = client.send('call', {}).subscribe({ error: () => undefined });
      await eventually(() => counts.begun === left, { what: `call ${left} to begin` });
      answer.unsubscribe();
      await eventually(() => counts.running === 0, { what: `call ${left} to end` });
    }
    const answers = [1, 2, 3, 4].map(() => client.send('call', {}).subscribe({ error: () => undefined }));
    await eventually(() => counts.begun === 4, { what: 'the next call to begin' });
    // A probe is answered behind what came before it: by now the other three are here, and wait.
    await lastValueFrom(client.send('nothing', {})).catch(() => undefined);
    expect([counts.begun, counts.most]).toEqual([4, 1]);
    for (const answer of answers) answer.unsubscribe();
    await eventually(() => counts.running === 0, { what: 'all to end' });
  });

  it('ends one attempt of its job when its time is over, and the job after the last', async () => {
    const job = await queue.add('slow', 1);
    await expect(job.result({ timeoutMs: 20_000 })).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect([counts.begun, counts.most, await queue.counts()]).toMatchObject([
      2,
      1,
      { active: 0, waiting: 0 },
    ]);
  }, 30_000);

  it('frees one place of its pattern when its job is cancelled', async () => {
    for (let left = 1; left <= 3; left++) {
      const { id } = await queue.add('held', left);
      await eventually(() => counts.begun === left, { what: `job ${left} to begin` });
      expect(await queue.cancel(id)).toBe('cancelled');
      await eventually(() => counts.running === 0, { what: `job ${left} to end` });
    }
    const jobs = await Promise.all([1, 2, 3, 4].map((n) => queue.add('held', n)));
    for (let begun = 4; begun <= 7; begun++) {
      await eventually(() => counts.begun === begun, { what: `job ${begun} to begin` });
      const view = await Promise.all(jobs.map(({ id }) => queue.get(id)));
      const running = jobs.filter((_job, index) => view[index]?.state === 'active');
      for (const { id } of running.length === 1 ? running : jobs) await queue.cancel(id);
    }
    await eventually(() => counts.running === 0, { what: 'all to end' });
    expect(counts.most).toBe(1);
  }, 30_000);
});
