import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder } from '../../lib/index.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { load } from '../support/load.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ECHO = fileURLToPath(new URL('./echo.process.ts', import.meta.url));
const EXPECTED = new Set([
  'ok',
  'REDIS_UNAVAILABLE',
  'INSTANCE_LOST',
  'REPLY_LOST',
  'NO_INSTANCE',
  'TIMEOUT',
]);

describe('calls', () => {
  let redis: RunningRedis;
  let admin: Redis;
  const opened: { close(): Promise<unknown> }[] = [];
  const children: Child[] = [];

  beforeAll(async () => {
    redis = await startPrivateRedis();
    admin = new Redis(redis.url);
    admin.on('error', () => undefined);
  });

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill('SIGKILL')));
    await Promise.all(opened.splice(0).map((client) => client.close()));
  });

  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  async function echo(service: string, env: Record<string, string> = {}): Promise<Child & { id: string }> {
    const child = startChild(ECHO, { env: { REDIS_URL: redis.url, SERVICE: service, ...env } });
    children.push(child);
    const { id } = await child.ready;
    return { ...child, id: String(id) };
  }

  async function clientOf(service: string, options: object = {}): Promise<HydraClient> {
    const connection = { pingIntervalMs: 500 };
    const client = new HydraClient({ service, redis: redis.url, timeoutMs: 5_000, connection, ...options });
    opened.push(client);
    await client.connect();
    return client;
  }

  it('end, and none runs twice, while every connection is killed again and again', async () => {
    const service = uniqueService('killed');
    await Promise.all([echo(service), echo(service)]);
    const client = await clientOf(service);
    await instancesOf(client, 2);

    const killing = (async () => {
      for (let round = 0; round < 6; round++) {
        await sleep(1_000);
        await admin.call('CLIENT', 'KILL', 'TYPE', round % 2 === 0 ? 'pubsub' : 'normal', 'SKIPME', 'yes');
      }
      await sleep(500);
    })();
    const result = await load((n) => firstValueFrom(client.send('echo', n)), 300, killing);

    expect(Object.keys(result.outcomes).filter((code) => !EXPECTED.has(code))).toEqual([]);
    // No deadline was needed to end a call.
    expect(result.outcomes['TIMEOUT'] ?? 0).toBe(0);
    expect(result.outcomes['ok']).toBeGreaterThan(result.total * 0.9);
    const reports = await Promise.all(
      client.instances.map(({ id }) => firstValueFrom(client.to(id).send('report', {}))),
    );
    expect(reports.map((report) => (report as { twice: number }).twice)).toEqual([0, 0]);
  });

  it('wait for a Redis that stands still, and go on when it does', async () => {
    const service = uniqueService('stopped');
    await echo(service);
    const client = await clientOf(service, { timeoutMs: 15_000 });
    await instancesOf(client, 1);
    await redis.pause();
    const early = [1, 2, 3].map((n) =>
      firstValueFrom(client.send('echo', n)).catch((error: unknown) => error),
    );
    await sleep(3_000);
    const late = firstValueFrom(client.send('echo', 4));
    await redis.resume();
    expect(await late).toBe(4);
    for (const outcome of await Promise.all(early)) {
      if (typeof outcome !== 'number') expect(EXPECTED).toContain((outcome as { code: string }).code);
    }
    expect(await firstValueFrom(client.send('echo', 5))).toBe(5);
  });

  it('notice a link that forwards nothing any more', async () => {
    const service = uniqueService('half-open');
    await echo(service);
    const proxy = await startProxy(redis.url);
    const client = await clientOf(service, { redis: proxy.url });
    await instancesOf(client, 1);
    const states: string[] = [];
    client.status.subscribe((status) => states.push(status));
    proxy.freeze();
    // Twice the ping interval of 500 ms, and room for a busy machine.
    await eventually(() => states.includes('reconnecting'), {
      what: 'the dead link to be noticed',
      timeoutMs: 4_000,
    });
    proxy.thaw();
    expect(await firstValueFrom(client.send('echo', 1))).toBe(1);
    await proxy.close();
  });

  it('fail within a second when their instance dies under them, and move when twice does no harm', async () => {
    const service = uniqueService('dying');
    const doomed = await echo(service);
    const client = await clientOf(service, { timeoutMs: 30_000 });
    await instancesOf(client, 1);
    const lost = firstValueFrom(client.send('hang', {}));
    const moved = firstValueFrom(client.send('echo', new HydraRecordBuilder(7).setIdempotent(true).build()));
    await moved;
    const slow = await echo(service, { DELAY_MS: '400' });
    await instancesOf(client, 2);
    const killedAt = performance.now();
    const idempotent = [1, 2, 3, 4].map((n) =>
      firstValueFrom(client.send('echo', new HydraRecordBuilder(n).setIdempotent(true).build())),
    );
    await doomed.kill('SIGKILL');
    await expect(lost).rejects.toMatchObject({ code: 'INSTANCE_LOST', retryable: true, mayHaveRun: true });
    // A quarter of a second to ask, and room for what shares the machine; far from the deadline of 30 s.
    expect(performance.now() - killedAt).toBeLessThan(scaled(5_000, killedAt));
    expect(await Promise.all(idempotent)).toEqual([1, 2, 3, 4]);
    expect(slow.pid).toBeGreaterThan(0);
  });

  it('abort at the handler when their caller is killed', async () => {
    const service = uniqueService('orphaned');
    const handler = await echo(service);
    const calling = startChild(fileURLToPath(new URL('./hanging.process.ts', import.meta.url)), {
      env: { REDIS_URL: redis.url, SERVICE: service },
    });
    await calling.ready;
    const watcher = await clientOf(service);
    expect(watcher.instances).toHaveLength(1);
    // The call was sent when the caller said that it is ready; one turn of the handler's later it runs.
    expect(await firstValueFrom(watcher.send('echo', 1))).toBe(1);
    await calling.kill('SIGKILL');
    await eventually(() => handler.lines.some((line) => 'aborted' in line), {
      what: "the handler's signal",
      timeoutMs: 8_000,
    });
  });

  it('go round an instance that does not answer, and come back to it', async () => {
    const service = uniqueService('frozen');
    const [frozen] = await Promise.all([echo(service), echo(service)]);
    const client = await clientOf(service, {
      timeoutMs: 400,
      balancer: 'round-robin',
      breaker: { failures: 3, ejectMs: 1_500, panicShare: 0.5 },
      calls: { probeAfterMs: 60_000 },
    });
    await instancesOf(client, 2);
    await frozen.kill('SIGSTOP');
    await eventually(
      async () => {
        await firstValueFrom(client.send('echo', 1)).catch(() => undefined);
        return client.circuits.some(({ instanceId, state }) => instanceId === frozen.id && state === 'open');
      },
      { what: 'the circuit to open' },
    );
    const patient = new HydraRecordBuilder(2).setTimeout(30_000).build();
    const askedAt = performance.now();
    expect(await firstValueFrom(client.send('echo', patient))).toBe(2);
    // It did not go to the frozen one: that would not have answered.
    expect(performance.now() - askedAt).toBeLessThan(scaled(1_000, askedAt));
    await frozen.kill('SIGCONT');
    await eventually(
      async () => {
        await firstValueFrom(client.send('echo', 3)).catch(() => undefined);
        return client.circuits.length === 0 && client.instances.length === 2;
      },
      { what: 'the circuit to close', timeoutMs: 10_000 },
    );
  });
});

async function instancesOf(client: HydraClient, count: number): Promise<void> {
  await eventually(() => client.instances.length === count, { what: `${count} instances` });
}
