import { Redis } from 'ioredis';

import { StreamService } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { Ledger, startConsumer, type Consumer } from '../support/stream-ledger.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('poisoned');
const service = uniqueService('consumer');
const key = `hydra:stream:${stream}`;
const WIDE = Array.from({ length: 4_000 }, (_, n) => [`field-${n}`, String(n)]).flat();
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

let redis: Redis;
let streams: StreamService;
let ledger: Ledger;
let consumer: Consumer;

beforeAll(async () => {
  const url = await testRedisUrl();
  redis = new Redis(url);
  atEnd(() => redis.disconnect());
  ledger = new Ledger(url);
  const { app } = await startCaller({ service: uniqueService(), redis: url }, []);
  streams = app.get(StreamService);
  const handler = { attempts: 2, backoff: { minMs: 1, maxMs: 1 } };
  consumer = await startConsumer({ service, stream, redis: url, ledger: url, handler });
}, 30_000);

afterAll(() => consumer.kill());

const letters = () => streams.deadLetters(stream, { group: service });

async function isHandled(n: number): Promise<void> {
  const fields = [
    'hydra',
    '1',
    'type',
    n % 2 ? 'observable' : 'plain',
    'data',
    JSON.stringify({ n, key: service }),
  ];
  await redis.xadd(key, '*', ...fields);
  const ended = () => ledger.counts().then((counts) => counts.get(`end ${service} ${n}`) ?? 0);
  await eventually(ended, { what: `entry ${n}`, timeoutMs: 10_000 });
}

describe('an entry that cannot be handled', () => {
  it.each<[what: string, fields: readonly string[]]>([
    ['of 4000 fields', WIDE],
    ['nested 4000 deep', ['hydra', '1', 'data', `{"a":${nested(4_000)}}`]],
    ['nested 100000 deep', ['hydra', '1', 'data', nested(100_000)]],
    ['nested deep, with bytes', ['hydra', '1b', 'data', `{"$hydra:bytes":${nested(50_000)}}`]],
    ['that only looks like UMF', ['message', `{"to":"a:/","frm":"b:/","mid":"m","bdy":${nested(10_000)}}`]],
    ['that only looks packed', ['hydra-fields', '["a"]']],
    ['with headers that are none', ['hydra', '1', 'headers', '[1]', 'data', '{}']],
    ['with an empty name', ['', '']],
    ['named like a prototype', ['__proto__', 'x', 'constructor', 'y']],
  ])('%s becomes a dead letter by itself, and the others are handled', async (_what, fields) => {
    const id = await redis.xadd(key, '*', ...fields);
    const letter = await eventually(async () => (await letters()).find(({ entryId }) => entryId === id), {
      what: 'a dead letter',
      timeoutMs: 10_000,
    });
    expect(letter.attempts).toBe(2);
    await isHandled(Number.parseInt(id!, 10) * 2);
  });

  it('of 4000 fields is redriven whole, also when it was trimmed away', async () => {
    const wide = (await letters()).find(({ data }) => Object.keys(data as object).length === 4_000)!;
    await streams.trim(stream, { maxLen: 0 });
    expect(await streams.redrive(stream, [wide.id], { group: service })).toBe(1);
    const again = async () =>
      (await letters()).find(
        ({ entryId, data }) => entryId !== wide.entryId && Object.keys(data as object).length === 4_000,
      );
    const letter = await eventually(again, { what: 'it to die again', timeoutMs: 10_000 });
    expect(letter.data).toEqual(wide.data);
  });
});

describe('a handler', () => {
  it('cannot forge a line of the log with what it throws', () => {
    // What Nest's own filter prints of an error is its stack, with its lines.
    expect(consumer.output()).toContain(`became a dead letter: no\\n[Hydra] ERROR forged`);
  });

  it('whose Observable has a teardown that throws has handled its entry', async () => {
    await isHandled(1);
    await isHandled(3);
    const pending = async () => ((await redis.xpending(key, service)) as [number])[0];
    await eventually(async () => (await pending()) === 0, { what: 'its acknowledgement' });
    await expect(Promise.race([consumer.exited, Promise.resolve('runs')])).resolves.toBe('runs');
  });
});
