import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';
import { firstValueFrom, lastValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { createKeys } from '../../lib/protocol/keys.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ECHO = fileURLToPath(new URL('./echo.process.ts', import.meta.url));
/** The dead stay in the registry for the whole of a test. */
const PRESENCE_TTL_MS = '120000';
const keys = createKeys();

type Echo = Child & { readonly id: string };

describe('while a monitor listens to every channel by a pattern', () => {
  let redis: RunningRedis;
  let admin: Redis;
  let monitor: Redis;
  let service: string;
  let client: HydraClient;
  let children: Echo[];

  beforeAll(async () => {
    redis = await startPrivateRedis();
    admin = new Redis(redis.url);
  });

  beforeEach(async () => {
    service = uniqueService('monitored');
    children = [];
    monitor = new Redis(redis.url);
    client = new HydraClient({ service, redis: redis.url, balancer: 'round-robin', timeoutMs: 60_000 });
    await client.connect();
  });

  afterEach(async () => {
    await client.close();
    monitor.disconnect();
    await Promise.all(children.map((child) => child.kill('SIGKILL')));
  });

  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  async function start(count: number): Promise<void> {
    const starting = Array.from({ length: count }, async () => {
      const child = startChild(ECHO, { env: { REDIS_URL: redis.url, SERVICE: service, PRESENCE_TTL_MS } });
      const { id } = await child.ready;
      return { ...child, id: String(id) };
    });
    children = await Promise.all(starting);
    await eventually(() => client.instances.length === count, { what: `${count} instances` });
  }

  /** Dead, and Redis knows that its connection has ended; the registry still has it. */
  async function kill(child: Echo): Promise<void> {
    const { id } = child;
    await child.kill('SIGKILL');
    const subscribers = async () =>
      Number((await admin.pubsub('NUMSUB', keys.instanceChannel(service, id)))[1]);
    await eventually(async () => (await subscribers()) === 0, { what: 'the connection to end' });
    expect(client.instances.map((instance) => instance.id)).toContain(id);
  }

  const emit = () => lastValueFrom(client.emit('noted', {}), { defaultValue: undefined });
  const evals = async () => Number(/cmdstat_eval:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1]);

  it('an event goes to an instance that is alive', async () => {
    await start(2);
    await monitor.psubscribe('hydra:*');
    const before = await reported();
    await kill(children[0]!);
    for (let times = 0; times < 10; times++) await emit();
    await eventually(async () => (await reported()) === before + 10, { what: 'all events' });
  });

  async function reported(): Promise<number> {
    const report = client.to(children[1]!.id).send<{ events: number }>('report', {});
    return (await firstValueFrom(report)).events;
  }

  it('events, broadcasts and calls fail with NO_INSTANCE at once when the only instance is dead', async () => {
    await start(1);
    await monitor.psubscribe('*');
    await kill(children[0]!);
    await expect(lastValueFrom(client.broadcast('noted', {}))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await expect(emit()).rejects.toMatchObject({ code: 'NO_INSTANCE' });
    await expect(firstValueFrom(client.send('echo', 1))).rejects.toMatchObject({ code: 'NO_INSTANCE' });
  });

  it('a call in the hands of an instance that dies fails without waiting for its deadline', async () => {
    await start(1);
    await monitor.psubscribe('*');
    const lost = firstValueFrom(client.send('hang', {})).catch((error: unknown) => error);
    await firstValueFrom(client.send('echo', 1));
    await kill(children[0]!);
    expect(await lost).toMatchObject({ code: 'INSTANCE_LOST' });
  });

  it('receivers are counted with care, and no longer than that', async () => {
    await start(1);
    await monitor.psubscribe('*');
    await emit();
    // The instance may run a script of its own meanwhile.
    await eventually(async () => (await costOf(15)) === 15, { what: 'one script for each event' });
    monitor.disconnect();
    await eventually(async () => (await costOf(3)) === 0, { what: 'plain publishing', timeoutMs: 20_000 });
  });

  async function costOf(events: number): Promise<number> {
    const before = await evals();
    for (let times = 0; times < events; times++) await emit();
    return (await evals()) - before;
  }

  it('a user that may not run PUBSUB still sends', async () => {
    await start(1);
    await admin.call('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '&*', '+@all', '-pubsub');
    const limited = new HydraClient({ service, redis: redis.url.replace('//', '//limited:secret@') });
    await limited.connect();
    await eventually(() => limited.instances.length === 1, { what: 'the instance' });
    for (const n of [1, 2, 3]) expect(await firstValueFrom(limited.send('echo', n))).toBe(n);
    await lastValueFrom(limited.broadcast('noted', {}));
    await limited.close();
  });
});
