import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraError, HydraRecordBuilder } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { connect, failWith, open, queueOf, serve } from '../support/failing.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import type { RunningRedis } from '../../tools/redis.mjs';

const TIMEOUT_MS = 500;
/** No PING shows within the test that nobody answers: only its own time ends what waits. */
const connection = { pingIntervalMs: 60_000 };

const failureOf = (act: Promise<unknown>) =>
  act.then(
    () => 'it was done',
    (error: unknown) => error,
  );

let redis: RunningRedis;

beforeAll(async () => {
  redis = await startPrivateRedis();
  failWith(redis);
});

describe('the time of an event', () => {
  it('has the time of its serializer in it, and what was too late is not sent', async () => {
    const { service } = await serve();
    let go: (() => void) | undefined;
    const serializer = {
      serialize: (packet: unknown) => new Promise((resolve) => (go = () => resolve(packet))),
    };
    const client = await connect(service, { timeoutMs: 100, serializer });
    const { messenger } = client['instance'];
    let sent = 0;
    messenger.post = () => void sent++;
    messenger.postToAll = async () => ++sent > 0;
    for (const emit of [() => client.emit('seen', {}), () => client.broadcast('seen', {})]) {
      const error = await failureOf(firstValueFrom<unknown>(emit()));
      expect(error).toMatchObject({ code: 'TIMEOUT', mayHaveRun: false });
      go?.();
      await new Promise((resolve) => setImmediate(resolve));
      expect(sent).toBe(0);
    }
  });
});

describe('what is emitted while Redis is away', () => {
  it('is forgotten when its time is over', async () => {
    const proxy = await startProxy(redis.url);
    const { service } = await serve();
    const client = await connect(service, { redis: proxy.url, timeoutMs: 50 });
    const { waiting } = client['instance'].redis['waiters'] as unknown as { waiting: ReadonlySet<unknown> };
    await proxy.close();
    await eventually(() => client.unwrap()[0].status !== 'ready', { what: 'the connection to be lost' });
    const before = waiting.size;
    const emitted = Array.from({ length: 100 }, () => failureOf(firstValueFrom(client.emit('seen', {}))));
    expect(await Promise.all(emitted)).toEqual(
      emitted.map(() => expect.objectContaining({ code: 'REDIS_UNAVAILABLE', mayHaveRun: false }) as unknown),
    );
    expect(waiting.size).toBeLessThanOrEqual(before + 10);
  });
});

describe('the time of a request to a Redis that stands still', () => {
  let client: HydraClient;
  let queued: HydraClient;
  let own: Awaited<ReturnType<typeof open>>;

  beforeAll(async () => {
    const { service } = await serve();
    client = await connect(service, { timeoutMs: TIMEOUT_MS, connection });
    queued = await connect(uniqueService('nobody'), { timeoutMs: TIMEOUT_MS, connection });
    own = await open({ connection });
    await redis.pause();
    // Before what is above closes, which asks Redis.
    atEnd(() => redis.resume());
  });

  afterAll(() => redis.resume());

  const fallback = () => new HydraRecordBuilder({}).setFallback('queue').build();

  it.each<[string, () => Promise<unknown>]>([
    ['a call', () => firstValueFrom(client.send('echo', {}))],
    ['an event', () => firstValueFrom(client.emit('seen', {}))],
    ['an event to all', () => firstValueFrom(client.broadcast('seen', {}))],
    [
      'an event that is kept',
      () => firstValueFrom(client.emit('seen', new HydraRecordBuilder({}).setStream('events').build())),
    ],
    ['a call that may go into a queue', () => firstValueFrom(queued.send('echo', fallback()))],
    ['an event that may go into a queue', () => firstValueFrom(queued.emit('echo', fallback()))],
    ['the result of a job', () => queueOf(own).add('x', {}).result({ timeoutMs: TIMEOUT_MS })],
  ])('ends %s', async (_what, act) => {
    const startedAt = performance.now();
    const error = await failureOf(act());
    expect(error).toBeInstanceOf(HydraError);
    expect(error).toMatchObject({ code: 'TIMEOUT', retryable: true, mayHaveRun: true });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  it('ends a wait for instances', async () => {
    const waiting = own.discovery.waitFor(uniqueService('nobody'), { timeoutMs: TIMEOUT_MS });
    expect(await failureOf(waiting)).toMatchObject({ code: 'NO_INSTANCE', mayHaveRun: false });
  });
});
