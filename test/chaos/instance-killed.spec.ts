import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraError } from '../../lib/index.js';
import { createKeys } from '../../lib/protocol/keys.js';
import { codesOf, failures, startCallLoad, type Outcome } from '../support/call-load.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { testRedisUrl } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';
import { allThatRan, startWorkers, type Worker } from '../support/workers.js';

const PER_SECOND = 1_000;
const LEAD_MS = 1_000;
const TAIL_MS = 1_500;
/** On a quiet machine. */
const SOON_MS = 2_000;
const keys = createKeys();

/** Whether a call fails because nobody is there. */
async function isNobodyThere(client: HydraClient): Promise<boolean> {
  const error: unknown = await firstValueFrom(client.send('work', { id: 0 })).catch((e: unknown) => e);
  return error instanceof HydraError && error.code === 'NO_INSTANCE';
}

describe('one of two instances, killed with SIGKILL under load,', () => {
  let service: string;
  let workers: readonly Worker[] = [];
  let client: HydraClient;
  let admin: Redis;

  beforeEach(async () => {
    service = uniqueService('work');
    const redis = await testRedisUrl();
    workers = await startWorkers(service, redis, 2);
    client = new HydraClient({ service, redis });
    admin = connectTo(redis);
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'two instances' });
  }, 90_000);
  afterEach(async () => {
    await client.close();
    await Promise.all(workers.map((worker) => worker.kill()));
  });

  /** Whether Redis has seen the end of its connection. */
  async function isUnheard(id: string): Promise<boolean> {
    const [, subscribers] = await admin.pubsub('NUMSUB', keys.instanceChannel(service, id));
    return Number(subscribers) === 0;
  }

  async function killUnderLoad(isIdempotent: boolean) {
    const load = startCallLoad(client, { perSecond: PER_SECOND, takesMs: 10, isIdempotent });
    await sleep(LEAD_MS);
    const killedAt = performance.now();
    await workers[0]!.kill('SIGKILL');
    await eventually(() => isUnheard(workers[0]!.id), { what: 'its connection to end', everyMs: 1 });
    const unheardAt = performance.now();
    await sleep(TAIL_MS);
    const outcomes = await load.stop();
    expect(outcomes).toHaveLength(load.sent());
    return { killedAt, unheardMs: unheardAt - killedAt, outcomes };
  }

  function report(title: string, killedAt: number, outcomes: readonly Outcome[]): number {
    const failed = failures(outcomes);
    const windowMs = Math.max(0, ...failed.map(({ startedAt }) => startedAt - killedAt));
    const longestMs = Math.max(0, ...failed.map(({ startedAt, endedAt }) => endedAt - startedAt));
    const figures = `${outcomes.length} calls, ${failed.length} failed, sent up to ${windowMs.toFixed(0)} ms after the kill`;
    process.stdout.write(`${title}: ${figures}, told after ${longestMs.toFixed(0)} ms\n`);
    return windowMs;
  }

  it('costs only the calls it had in hand, which fail typed and soon', async () => {
    const { killedAt, unheardMs, outcomes } = await killUnderLoad(false);
    const windowMs = report('not idempotent', killedAt, outcomes);
    expect(codesOf(outcomes).filter((code) => code !== 'INSTANCE_LOST')).toEqual([]);
    for (const { error, startedAt, endedAt } of failures(outcomes)) {
      expect(error).toMatchObject({ retryable: true, mayHaveRun: true });
      expect(endedAt - startedAt).toBeLessThan(scaled(SOON_MS, startedAt));
    }
    // Less than 50 ms where nothing else runs: none is sent to it that Redis knows to be gone.
    expect(windowMs).toBeLessThanOrEqual(unheardMs);
    expect(unheardMs).toBeLessThan(scaled(500, killedAt));
    const ran = await allThatRan(workers, outcomes);
    expect(new Set(ran).size).toBe(ran.length);
  });

  it('costs no call that says it may be repeated', async () => {
    const { killedAt, outcomes } = await killUnderLoad(true);
    report('idempotent', killedAt, outcomes);
    expect(codesOf(outcomes)).toEqual([]);
    expect(new Set(outcomes.map(({ done }) => done?.id)).size).toBe(outcomes.length);
  });

  it('leaves nobody after its twin is killed too: calls fail at once with NO_INSTANCE', async () => {
    await Promise.all(workers.map((worker) => worker.kill('SIGKILL')));
    // Redis may need a moment to see the connections end.
    await eventually(() => isNobodyThere(client), { what: 'nobody to be left' });
    const load = startCallLoad(client, { perSecond: 100 });
    await sleep(500);
    const outcomes = await load.stop();
    expect(outcomes.length).toBeGreaterThan(10);
    expect(codesOf(outcomes)).toEqual(['NO_INSTANCE']);
    for (const { error, startedAt, endedAt } of outcomes) {
      expect(error).toBeInstanceOf(HydraError);
      expect(error).toMatchObject({ retryable: true, mayHaveRun: false });
      expect(endedAt - startedAt).toBeLessThan(scaled(SOON_MS, startedAt));
    }
  });
});
