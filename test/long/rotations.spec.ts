import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, QueuePattern, QueueService, type RedisLocation } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { codesOf, failures, startCallLoad } from '../support/call-load.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { RotatingUsers } from '../support/rotating-users.js';
import { uniqueService } from '../support/unique.js';

const JOBS_PER_S = 50;
/** One a second takes 17 minutes; otherwise they follow one another twenty times as fast. */
const EVERY_MS = process.env['HYDRA_CHAOS'] === 'full' ? 1_000 : 50;
/** After the server ended all connections, those of readers too are back within this time: twice the longest pause before an attempt. */
const BACK_WITHIN_MS = 2_000;
/** How long the users before the latest are there: a reader that blocks for a second has logged in again by then. */
const USERS_LAST_MS = 4_000;

const ran = new Map<number, number>();

@Controller()
class Work {
  @MessagePattern('work')
  work(@Payload() { id }: { id: number }): { id: number } {
    return { id };
  }

  @QueuePattern('job')
  job(@Payload() number: number): void {
    ran.set(number, (ran.get(number) ?? 0) + 1);
  }
}

interface Pace {
  readonly times: number;
  readonly everyMs: number;
  readonly callsPerS: number;
}

async function rotate(redisFor: (url: string) => RedisLocation, { times, everyMs, callsPerS }: Pace) {
  ran.clear();
  const { url } = await startPrivateRedis();
  const admin = connectTo(url);
  const users = new RotatingUsers([admin]);
  await users.closeDefault();
  const credentials = users.streaming();
  const service = uniqueService('rotations');
  const redis = redisFor(url);
  const { app } = await startService({ service, redis, credentials, timeoutMs: 10_000 }, [Work]);
  const caller = await startInstance({ service: uniqueService('caller'), redis, credentials });
  const client = new HydraClient({ service }, caller);
  atEnd(() => client.close());
  await caller.discovery.waitFor(service);
  const instances = [app.get(HydraInstance), caller];
  let losses = 0;
  for (const instance of instances) instance.redis.onState((state) => (losses += state === 'lost' ? 1 : 0));
  const before = await users.connections();

  const load = startCallLoad(client, { perSecond: callsPerS });
  const refused: unknown[] = [];
  const startedAt = performance.now();
  let jobs = 0;
  for (let time = 1; time <= times; time++) {
    await credentials.next();
    const due = ((performance.now() - startedAt) / 1_000) * JOBS_PER_S;
    for (; jobs < due; jobs++)
      await app
        .get(QueueService)
        .add('job', jobs)
        .catch((error: unknown) => refused.push(error));
    await users.removeBefore(Math.floor(USERS_LAST_MS / everyMs));
    await sleep(Math.max(0, startedAt + time * everyMs - performance.now()));
  }
  const tookMs = performance.now() - startedAt;
  const outcomes = await load.stop();
  await eventually(() => ran.size === jobs, { what: 'all jobs', timeoutMs: 20_000 });
  const after = await users.connections();
  const lost = before.filter(({ id }) => !after.some((one) => one.id === id));
  process.stdout.write(
    `${times} rotations in ${Math.round(tookMs)} ms, ${outcomes.length} calls (${Math.round((outcomes.length / tookMs) * 1_000)}/s), ${jobs} jobs, ${lost.length} of ${before.length} connections made anew\n`,
  );
  expect(outcomes.length).toBeGreaterThan(0.95 * callsPerS * (tookMs / 1_000));
  expect(outcomes.filter(({ error }) => error).map(({ error }) => String(error))).toEqual([]);
  expect(refused).toEqual([]);
  expect([...ran.values()].filter((count) => count !== 1)).toEqual([]);
  expect(losses).toBe(0);
  expect(instances.map(({ redis: connections }) => connections.credentialWarning)).toEqual([
    undefined,
    undefined,
  ]);
  return lost;
}

it('1,000 rotations under 5,000 calls a second and jobs: nothing fails, nothing is lost, no connection is made anew', async () => {
  expect(await rotate((url) => url, { times: 1_000, everyMs: EVERY_MS, callsPerS: 5_000 })).toEqual([]);
}, 1_500_000);

it('with RESP2 only subscribers are made anew, and nothing fails or is lost', async () => {
  const redisFor = (url: string) => ({
    host: new URL(url).hostname,
    port: Number(new URL(url).port),
    protocol: 2 as const,
  });
  const lost = await rotate(redisFor, { times: 20, everyMs: 500, callsPerS: 500 });
  expect(lost.filter(({ name }) => !name.endsWith(':subscriber'))).toEqual([]);
}, 240_000);

it('a server that ends all connections whose credentials expired, again and again: all are back at once, and no job is lost', async () => {
  ran.clear();
  const { url } = await startPrivateRedis();
  const users = new RotatingUsers([connectTo(url)]);
  await users.closeDefault();
  const service = uniqueService('cut');
  const options = { redis: url, credentials: users.provider({ lifeMs: 3_600_000 }), timeoutMs: 10_000 };
  const { app } = await startService({ ...options, service }, [Work]);
  const caller = await startInstance({ ...options, service: uniqueService('caller') });
  const client = new HydraClient({ service }, caller);
  atEnd(() => client.close());
  await caller.discovery.waitFor(service);
  const standing = (await users.connections()).length;
  const load = startCallLoad(client, { perSecond: 200 });
  atEnd(() => load.stop());
  const added = new Set<number>();
  const backAfterMs: number[] = [];
  for (let cut = 0; cut < CUTS; cut++) {
    await app.get(QueueService).add('job', cut);
    added.add(cut);
    await users.expire();
    const cutAt = performance.now();
    const isBack = async () =>
      (await users.connections()).length >= standing && (await works(client)) && caller.redis.isReady;
    await eventually(isBack, { what: 'all connections', timeoutMs: 20_000, everyMs: 10 });
    backAfterMs.push(performance.now() - cutAt);
    expect(backAfterMs.at(-1)).toBeLessThan(scaled(BACK_WITHIN_MS, cutAt));
  }
  const outcomes = await load.stop();
  const failed = failures(outcomes);
  process.stdout.write(
    `${CUTS} times all ${standing} connections ended: all back after ${Math.round(Math.max(...backAfterMs))} ms at most; ` +
      `${failed.length} of ${outcomes.length} calls failed (${codesOf(outcomes).join(', ')}), 0 of ${added.size} jobs lost\n`,
  );
  await eventually(() => [...added].every((job) => ran.has(job)), { what: 'all jobs', timeoutMs: 20_000 });
  // Those on their way when the connections ended.
  expect(codesOf(outcomes).filter((code) => !CUT_SHORT.includes(code))).toEqual([]);
  expect(failed.length).toBeLessThan(0.05 * outcomes.length);
}, 240_000);

const CUTS = 20;
const CUT_SHORT = ['REDIS_UNAVAILABLE', 'INSTANCE_LOST', 'NO_INSTANCE', 'REPLY_LOST'];

async function works(client: HydraClient): Promise<boolean> {
  return firstValueFrom(client.send('work', { id: -1 })).then(
    () => true,
    () => false,
  );
}
