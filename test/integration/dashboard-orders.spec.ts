import { connect } from 'node:net';

import type { HydraInstance } from '../../lib/hydra-instance.js';
import { ConfigStore, type QueueService, type StreamService } from '../../lib/index.js';
import { encodeDeadLetter } from '../../lib/protocol/dead-letter.js';
import { createMessage } from '../../lib/protocol/message.js';
import { writeDeadLetter } from '../../lib/queue/model/dead-letter.js';
import { act, startDashboard, type TestDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('ordered');
let url: string;
let page: TestDashboard;
let instance: HydraInstance;
let queues: QueueService;
let configs: ConfigStore;

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  instance = await startInstance({ service, redis: url });
  queues = instance.queues;
  configs = new ConfigStore(instance);
  page = await startDashboard(url, { who: () => 'Ada' });
});

const order = async (given: object) => {
  const answer = await act(page.url, { service, ...given });
  return { status: answer.status, body: (await answer.json()) as { error?: string; count?: number } };
};
const asked = (words: Readonly<Record<string, string>>) =>
  fetch(`${page.url}ask?${new URLSearchParams(words).toString()}`);
const ask = async <T>(what: string, words: Readonly<Record<string, string>>) =>
  (await (await asked({ what, service, ...words })).json()) as T;

/** Dead letters as a worker writes them. */
async function giveUp(reasons: readonly string[]): Promise<void> {
  const timestamp = new Date().toISOString();
  const texts = reasons.map((reason, n) => {
    const id = `dead-${n}`;
    const about = { to: `${service}:/`, from: `${service}:/`, type: 'work', body: { n } };
    const message = createMessage(about, { mid: id, timestamp });
    const death = { reason, diedOn: timestamp, attempts: 1, history: [] };
    return writeDeadLetter({ message, id, pattern: 'work', raw: '' }, death);
  });
  await connectTo(url).rpush(`hydra:service:${service}:mqincomplete`, ...texts);
}

const emptied = async () => {
  for (const state of ['dead', 'waiting', 'delayed'] as const) await queues.clean(state);
};

describe('a server of the page', () => {
  it.each(['//', 'http://:/', '/%', '*'])('answers what is no address, %s, and goes on', async (target) => {
    const socket = connect(Number(new URL(page.url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    await eventually(() => text.startsWith('HTTP/1.1 '), { what: 'an answer' });
    expect((await fetch(`${page.url}session`)).status).toBe(200);
  });
});

describe('an order', () => {
  afterEach(emptied);

  it.each([
    ['queue.pause', {}],
    ['queue.remove', { id: 'one' }],
    ['queue.cancel', { id: 'one' }],
    ['queue.promote', { id: 'one' }],
  ])('%s does nothing in a dry run, and says that it has none', async (action, given) => {
    await queues.add('work', {}, { id: 'one', delayMs: 3_600_000 });
    const { status, body } = await order({ action, ...given, dryRun: true });
    expect([status, body.error]).toEqual([400, expect.stringContaining('no dry run')]);
    expect(await queues.counts()).toMatchObject({ delayed: 1, isPaused: false });
  });

  it('writes no configuration in a dry run', async () => {
    const given = { action: 'config.put', version: '9.0.0', text: '{}', expect: 0 };
    expect((await order({ ...given, dryRun: true })).status).toBe(400);
    expect(await configs.versions()).toEqual([]);
  });

  it.each([
    ['a filter that is none', { filter: 'work' }],
    ['a list as a filter', { filter: ['work'] }],
    ['no filter', { filter: null }],
    ['a misspelt member of a filter', { filter: { patern: 'work' } }],
    ['a misspelt name', { filters: { pattern: 'other' } }],
    ['several ids', { ids: ['dead-0'] }],
    ['an id that is no text', { id: 7 }],
    ['an empty id', { id: '' }],
    ['a flag that is none', { dryRun: 'true' }],
    ['a pattern that is no text', { filter: { pattern: 5 } }],
  ])('with %s is refused, and means not all', async (_what, given) => {
    await giveUp(['no stock', 'no stock']);
    const removed = await order({ action: 'queue.remove', state: 'dead', ...given });
    const redriven = await order({ action: 'queue.redrive', ...given });
    expect([removed.status, redriven.status]).toEqual([400, 400]);
    expect((await queues.counts()).dead).toBe(2);
  });

  it('to remove jobs of some time is refused', async () => {
    await queues.add('work', {});
    const filter = { since: '2100-01-01T00:00:00Z' };
    expect((await order({ action: 'queue.remove', state: 'waiting', filter })).status).toBe(400);
    expect((await queues.counts()).waiting).toBe(1);
  });

  it('is one line of the log, whatever was posted', async () => {
    await order({ action: 'queue.remove', id: 'x\nBob: pause math/default\u001b[2J\u2028\u202e' });
    const line = page.audit.at(-1)!;
    expect(line).toContain(String.raw`Ada: remove job x\nBob: pause math/default\u001b[2J\u2028\u202e`);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    await order({ action: 'queue.remove', id: 'x'.repeat(5_000) });
    expect(page.audit.at(-1)!.length).toBeLessThan(1_100);
  });
});

describe('a configuration', () => {
  it.each([
    ['a fraction with many digits', '0.12345678901234567', 200],
    ['a number with an exponent', '1.5e300', 200],
    ['a whole number that is kept', '1234567890123456', 200],
    ['a whole number that would be another one', '12345678901234567', 422],
    ['a number that JSON has no word for', '1e999', 422],
  ])('with %s, %s, is answered with %s %i', async (_what, number, status) => {
    const version = `1.0.${number.length}`;
    const given = { action: 'config.put', version, text: `{"n":${number}}`, expect: 0 };
    expect((await order(given)).status).toBe(status);
    const stored = await configs.get<{ readonly n: number }>(version).catch(() => undefined);
    expect(stored?.n).toBe(status === 200 ? Number(number) : undefined);
    await configs.remove(version).catch(() => undefined);
  });
});

describe('a question', () => {
  it.each([
    ['a word that means nothing', { what: 'jobs', service, state: 'dead', patern: 'work' }],
    ['a time that is none', { what: 'entries', stream: 'orders', at: 'yesterday' }],
    ['an id that is none', { what: 'entries', stream: 'orders', before: '1-x' }],
    ['a name of a stream that is none', { what: 'entries', stream: 'a:b' }],
    ['a state that is none', { what: 'jobs', service, state: 'lost' }],
    ['nothing to ask for', { what: 'constructor' }],
  ])('with %s is refused', async (_what, words) => {
    const answer = await asked(words);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ error: expect.any(String) }),
    ]);
  });
});

describe('what the page shows of jobs and entries', () => {
  afterEach(emptied);

  it('groups failures without their secrets, and acts on one by a job of it', async () => {
    await giveUp(['login failed: password=hunter2', 'login failed: password=hunter2', 'no stock']);
    interface Group {
      readonly reason: string;
      readonly ids: readonly string[];
    }
    const { groups } = await ask<{ groups: readonly Group[] }>('failures', {});
    expect(JSON.stringify(groups)).not.toContain('hunter2');
    const group = groups.find(({ reason }) => reason.startsWith('login failed'))!;
    const given = { action: 'queue.redrive', filter: { like: group.ids[0] } };
    expect((await order({ ...given, dryRun: true })).body.count).toBe(2);
    expect((await order(given)).status).toBe(200);
    await eventually(async () => (await queues.counts()).dead === 1, { what: 'the other one' });
    await eventually(() => page.audit.at(-1)!.includes('done, 2 of them'), { what: 'the end' });
    expect(page.audit.join()).not.toContain('hunter2');
    expect((await order({ action: 'queue.redrive', filter: { like: 'dead-0' } })).status).toBe(409);
  });

  it('shows no field of a stream that has the name of a secret', async () => {
    const key = instance.keys.stream('secrets');
    await connectTo(url).xadd(key, '*', 'user', 'ada', 'password', 'hunter2', 'authToken', '{"a":"hunter3"}');
    const entries = (await (await asked({ what: 'entries', stream: 'secrets' })).json()) as readonly {
      readonly fields: readonly [string, string][];
    }[];
    expect(entries[0]!.fields).toContainEqual(['user', 'ada']);
    expect(JSON.stringify(entries)).not.toMatch(/hunter/);
  });
});

describe('dead letters of a stream', () => {
  it('are all tried, where the first hundreds of them stay', async () => {
    const redis = connectTo(url);
    const streams: StreamService = instance.streams;
    const dead = instance.keys.ownStream('orders', 'dead', 'shop');
    await redis.xgroup('CREATE', instance.keys.stream('orders'), 'shop', '$', 'MKSTREAM');
    const pipeline = redis.pipeline();
    for (let n = 1; n <= 1_100; n++) {
      const letter = { entryId: `${n}-0`, reason: 'no stock', attempts: 1, fields: ['data', '{}'] };
      pipeline.xadd(dead, `${n}-0`, ...encodeDeadLetter(letter));
    }
    await pipeline.exec();
    const some = await streams.deadLetters('orders', { group: 'shop', limit: 2, after: '500-0' });
    expect(some.map(({ id }) => id)).toEqual(['501-0', '502-0']);
    await expect(streams.deadLetters('orders', { group: 'shop', after: 'x' })).rejects.toThrow('BAD_OPTION');
    // Those that are in flight stay where they are.
    await redis.xgroup('SETID', instance.keys.stream('orders'), 'shop', '0');
    for (let n = 1; n <= 500; n++) pipeline.xadd(instance.keys.stream('orders'), `${n}-0`, 'data', '{}');
    await pipeline.exec();
    await redis.xreadgroup(
      'GROUP',
      'shop',
      'somebody',
      'COUNT',
      500,
      'STREAMS',
      instance.keys.stream('orders'),
      '>',
    );
    expect(
      (await order({ action: 'stream.redrive', service: undefined, stream: 'orders', group: 'shop' })).status,
    ).toBe(200);
    await eventually(async () => (await redis.xlen(dead)) === 500, { what: 'those in flight alone' });
  });
});
