import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, monitored, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const ECHO = fileURLToPath(new URL('../chaos/echo.process.ts', import.meta.url));
const SKEWED = 'test/support/skewed.process.ts';
const MINUTES = 60_000;

describe('the registry under 500 calls a second', () => {
  let server: RunningRedis;
  let client: HydraClient;
  const service = uniqueService('whole');

  beforeAll(async () => {
    server = await startPrivateRedis();
    const children = [1, 2, 3].map(() =>
      startChild(ECHO, { env: { REDIS_URL: server.url, SERVICE: service } }),
    );
    await Promise.all(children.map(({ ready }) => ready));
    const connection = { pingIntervalMs: 500, maxReconnectDelayMs: 200 };
    client = new HydraClient({ service, redis: server.url, timeoutMs: 10_000, connection });
    await client.connect();
    await eventually(() => client.instances.length === 3, { what: 'three instances' });
  });
  afterAll(() => client.close());

  /** Calls while `act` goes on and for a while after; the least number of instances seen meanwhile. */
  async function callsDuring(act: () => Promise<void>) {
    let least = Infinity;
    const looking = setInterval(() => (least = Math.min(least, client.instances.length)), 5);
    const acting = act().then(() => sleep(4_000));
    const result = await load((n) => firstValueFrom(client.send('echo', n)), 500, acting);
    clearInterval(looking);
    return { ...result, least };
  }

  const isWhole = async () => {
    const redis = connectTo(server.url);
    const keys = [`hydra:service:${service}:instances`, `hydra:service:${service}:service`] as const;
    await eventually(async () => (await redis.hlen(keys[0])) === 3 && (await redis.exists(keys[1])) === 1, {
      what: 'the registry to be whole again',
    });
    redis.disconnect();
  };

  it('misses nobody when its data is flushed', async () => {
    const { outcomes, total, least } = await callsDuring(async () => {
      await connectTo(server.url).flushall();
      await isWhole();
    });
    expect(outcomes).toEqual({ ok: total });
    expect(least).toBe(3);
  }, 40_000);

  it('never looks empty when Redis is killed and comes back empty', async () => {
    const { outcomes, total, least } = await callsDuring(async () => {
      await server.kill9();
      await sleep(500);
      await server.restart();
      await isWhole();
    });
    // A call whose connection broke under it may end so; none may find nobody.
    const { ok = 0, REDIS_UNAVAILABLE: broken = 0, INSTANCE_LOST: lost = 0, ...others } = outcomes;
    expect(others).toEqual({});
    expect(ok).toBeGreaterThan(total * 0.9);
    expect(broken + lost).toBeLessThan(total * 0.1);
    // One that reconnects after the others is left out until it is heard of; never all at once.
    expect(least).toBeGreaterThan(0);
  }, 40_000);

  it('never looks empty when Redis stands still for longer than a presence lives', async () => {
    const { outcomes, least } = await callsDuring(async () => {
      await server.pause();
      await sleep(5_000);
      await server.resume();
      await isWhole();
    });
    expect(outcomes['NO_INSTANCE'] ?? 0).toBe(0);
    expect(outcomes['TIMEOUT'] ?? 0).toBe(0);
    // One that reconnects after the others is left out until it is heard of; never all at once.
    expect(least).toBeGreaterThan(0);
  }, 60_000);
});

describe('the registry', () => {
  it('holds instances whose clocks are minutes apart alike', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('skewed');
    const children = [-5 * MINUTES, 0, 5 * MINUTES].map((shiftMs) =>
      startChild(SKEWED, {
        env: { HYDRA_TEST_OPTIONS: JSON.stringify({ service, redis: url }), CLOCK_SHIFT_MS: String(shiftMs) },
      }),
    );
    const ids = (await Promise.all(children.map(({ ready }) => ready))).map(({ id }) => String(id));
    const { discovery } = await startInstance({ service: uniqueService('watcher'), redis: url });
    const instances = await discovery.waitFor(service, { min: 3 });
    const stamps = instances.map(({ updatedOn }) => Date.parse(updatedOn)).toSorted((a, b) => a - b);
    expect(stamps.at(-1)! - stamps[0]!).toBeGreaterThan(9 * MINUTES);
    // Longer than a presence, a check and a grace together.
    await sleep(6_000);
    expect(
      discovery
        .instances(service)
        .map(({ id }) => id)
        .toSorted(),
    ).toEqual(ids.toSorted());
    await children[2]!.kill();
    await eventually(() => discovery.instances(service).length === 2, {
      what: 'the dead to vanish',
      timeoutMs: 15_000,
    });
  }, 60_000);

  it('scans nothing in a database with a million other keys', async () => {
    const { url } = await startPrivateRedis();
    const redis = connectTo(url);
    for (let part = 0; part < 20; part++) {
      const fill = `for i = 1, 50000 do redis.call('SET', 'foreign:' .. ARGV[1] .. ':' .. i .. ':presence', 'x') end`;
      await redis.eval(fill, 0, part);
    }
    expect(await redis.dbsize()).toBeGreaterThanOrEqual(1_000_000);
    const service = uniqueService('unscanned');
    const commands = await monitored(url, async () => {
      const [one, other] = await Promise.all([
        startInstance({ service, redis: url }),
        startInstance({ service, redis: url }),
      ]);
      await one.discovery.waitFor(service, { min: 2 });
      await Promise.all([one.discovery.health(service), one.discovery.logs(service)]);
      await sleep(3_000);
      await Promise.all([one.close(), other.close()]);
    });
    const names = new Set(commands.map(([name = '']) => name.toLowerCase()));
    expect(names).toContain('evalsha');
    expect([...names].filter((name) => name.endsWith('scan') || name === 'keys')).toEqual([]);
  }, 60_000);

  it('forgets a tenth of its instances together when they die together', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('tenth');
    const [watcher, ...others] = await Promise.all(
      Array.from({ length: 20 }, () => startInstance({ service, redis: url })),
    );
    await watcher!.discovery.waitFor(service, { min: 20 });
    for (const dying of others.slice(0, 2)) dying.redis.close();
    await eventually(() => watcher!.discovery.instances(service).length === 18, {
      what: 'the two to vanish',
      timeoutMs: 15_000,
    });
  });
});
