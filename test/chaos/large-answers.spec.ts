import { Redis } from 'ioredis';
import { fileURLToPath } from 'node:url';
import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const ROWS = fileURLToPath(new URL('./rows.process.ts', import.meta.url));
const ROW_BYTES = 65_536;
/** More than Redis keeps at once, with the default of 32 MiB. */
const ROW_COUNT = 560;
const LARGE_BYTES = 900_000;

/** Holds up the whole process, as a subscriber does that works hard on each row. */
function standStill(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

describe('with the limits that Redis has by default, large answers', () => {
  let redis: RunningRedis;
  let admin: Redis;
  let server: Child;
  let client: HydraClient;
  let cuts = 0;

  beforeAll(async () => {
    redis = await startPrivateRedis();
    admin = new Redis(redis.url);
    const service = uniqueService('rows');
    server = startChild(ROWS, { env: { REDIS_URL: redis.url, SERVICE: service } });
    await server.ready;
    client = new HydraClient({ service, redis: redis.url, timeoutMs: 60_000 });
    client.on('reconnecting', () => cuts++);
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
  });

  afterAll(async () => {
    await client.close();
    await server.kill('SIGTERM');
    admin.disconnect();
    await redis.stop();
  });

  it('meet the limits that this is about', async () => {
    const [, limits] = await admin.config('GET', 'client-output-buffer-limit');
    expect(limits).toContain('pubsub 33554432 8388608 60');
  });

  it.each(['rows', 'pushed'])('of many values come whole to a slow reader: %s', async (pattern) => {
    const rows = client.send<{ n: number; text: string }>(pattern, { count: ROW_COUNT, bytes: ROW_BYTES });
    const taken = rows.pipe(
      map(({ n, text }) => {
        standStill(2);
        return text.length === ROW_BYTES ? n : -1;
      }),
      toArray(),
    );
    expect(await lastValueFrom(taken)).toEqual(Array.from({ length: ROW_COUNT }, (_, n) => n));
    expect(cuts).toBe(0);
  });

  it('that come all at once arrive, and no other call is lost beside them', async () => {
    const large = Array.from({ length: 60 }, () =>
      firstValueFrom(client.send<string>('large', { bytes: LARGE_BYTES })),
    );
    const small = Array.from({ length: 200 }, (_, n) => firstValueFrom(client.send<number>('echo', n)));
    // Everything is ready to be sent before anything is read.
    await new Promise((resolve) => setImmediate(resolve));
    standStill(1_500);
    const texts = await Promise.all(large);
    expect(texts.every(({ length }) => length === LARGE_BYTES)).toBe(true);
    expect(await Promise.all(small)).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(cuts).toBe(0);
  });
});
