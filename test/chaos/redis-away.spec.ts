import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraError } from '../../lib/index.js';
import { failures, startCallLoad } from '../support/call-load.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { allThatRan, launchWorker, startWorkers } from '../support/workers.js';

const TYPED = new Set(['REDIS_UNAVAILABLE', 'INSTANCE_LOST', 'NO_INSTANCE', 'TIMEOUT']);

describe('a Redis that is not there yet', () => {
  it('is waited for by service and client, which then work', async () => {
    const service = uniqueService('work');
    const redis = await startPrivateRedis();
    await redis.kill9();
    const worker = launchWorker(service, redis.url);
    const client = new HydraClient({ service, redis: redis.url });
    atEnd(() => client.close());
    await eventually(() => worker.lines.some(({ started }) => started === true), {
      what: 'the service to start',
      timeoutMs: 15_000,
    });
    const call = firstValueFrom(client.send('work', { id: 1 }));
    const early = await Promise.race([call.then(() => 'answered', String), sleep(300, 'waits')]);
    expect(early).toBe('waits');
    expect(worker.lines.some(({ ready }) => ready === true)).toBe(false);
    await redis.restart();
    await worker.ready;
    // The call may have been first at Redis, and have found nobody.
    await call.catch((error: unknown) => expect(error).toMatchObject({ code: 'NO_INSTANCE' }));
    const done = await eventually(() => firstValueFrom(client.send('work', { id: 2 })), {
      what: 'an answer',
    });
    expect(done).toEqual({ id: 2, instance: worker.id });
  }, 90_000);

  it('is not waited for beyond the deadline of a call or an event', async () => {
    const redis = await startPrivateRedis();
    await redis.kill9();
    const client = new HydraClient({ service: uniqueService('work'), redis: redis.url, timeoutMs: 300 });
    const error: unknown = await firstValueFrom(client.send('work', { id: 1 })).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(HydraError);
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true });
    for (const sent of [client.emit('seen', {}), client.broadcast('seen', {})])
      await expect(firstValueFrom<unknown>(sent)).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await client.close();
  });
});

describe('a Redis that is killed and started again under load', () => {
  it('costs calls, each with a typed error, and no process; all go on by themselves', async () => {
    const service = uniqueService('work');
    const redis = await startPrivateRedis();
    const workers = await startWorkers(service, redis.url, 2);
    const client = new HydraClient({ service, redis: redis.url });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'both instances' });

    const load = startCallLoad(client, { perSecond: 300, timeoutMs: 8_000 });
    await sleep(500);
    await redis.kill9();
    await sleep(500);
    await redis.restart();
    const restartedAt = performance.now();
    const answersOf = (id: string) =>
      load.outcomes.filter(({ startedAt, done }) => startedAt > restartedAt && done?.instance === id).length;
    const counts = () => workers.map(({ id }) => answersOf(id));
    await eventually(
      () => {
        if (counts().every((count) => count > 20)) return true;
        const failed = failures(load.outcomes.slice(-200)).map(({ error }) => String(error));
        throw new Error(`answers: ${counts().join(', ')}; lately failed: ${failed.length}, ${failed.at(-1)}`);
      },
      { what: 'answers of both', timeoutMs: 20_000 },
    );
    const resumedMs = performance.now() - restartedAt;
    const outcomes = await load.stop();

    expect(outcomes).toHaveLength(load.sent());
    const failed = failures(outcomes);
    for (const { error } of failed) expect(TYPED).toContain((error as HydraError).code);
    for (const { error } of failed) expect((error as HydraError).retryable).toBe(true);
    process.stdout.write(
      `${outcomes.length} calls, ${failed.length} failed, all at work ${resumedMs.toFixed(0)} ms after the restart\n`,
    );
    const ran = await allThatRan(workers, outcomes);
    expect(new Set(ran).size).toBe(ran.length);
    for (const { pid } of workers) expect(process.kill(pid, 0)).toBe(true);
  }, 120_000);
});
