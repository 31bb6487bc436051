import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import type { ConfigStore } from '../../lib/index.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const newKey = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

const wantsDate = (value: unknown) =>
  (value as { at: unknown }).at instanceof Date ? { value } : { issues: [{ message: 'is no date' }] };

describe('a configuration store', () => {
  let service: string;
  let store: ConfigStore;
  let redis: Awaited<ReturnType<typeof openStore>>['instance']['redis'];
  const hash = () => `hydra:service:${service}:configs`;

  beforeEach(async () => {
    service = uniqueService('pricing');
    const opened = await openStore(service);
    store = opened.store;
    redis = opened.instance.redis;
    await redis.connect();
  });

  it('gives back what was put, and undefined for what was not', async () => {
    const config = { limit: 5, nested: { list: [1, 'two', null] } };
    expect(await store.put('1.0.0', config)).toEqual({ version: '1.0.0', revision: 1 });
    expect(await store.get('1.0.0')).toEqual(config);
    expect(await store.get('9.9.9')).toBeUndefined();
    expect(await store.document('1.0.0')).toEqual({ version: '1.0.0', revision: 1, config });
  });

  it('keeps the document in the hash that Hydra reads, and nothing else in it', async () => {
    await store.put('1.0.0', { limit: 5 });
    await store.put('1.0.0', { limit: 6 });
    expect(await redis.commands.hgetall(hash())).toEqual({ '1.0.0': '{"limit":6}' });
  });

  it('lists versions in the order of semver', async () => {
    for (const version of ['1.10.0', '1.9.0', '2.0.0-beta.1', '2.0.0', 'blue']) await store.put(version, {});
    expect(await store.list()).toEqual(['blue', '1.9.0', '1.10.0', '2.0.0-beta.1', '2.0.0']);
  });

  it('lets one of two racing writers win, and tells the other', async () => {
    const { store: other } = await openStore(service);
    const { revision } = await store.put('1.0.0', { n: 0 });
    const outcomes = await Promise.allSettled([
      store.put('1.0.0', { n: 1 }, { expect: revision }),
      other.put('1.0.0', { n: 2 }, { expect: revision }),
    ]);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    expect(await store.get('1.0.0')).toEqual({ n: winner + 1 });
    const loser = outcomes[1 - winner] as PromiseRejectedResult;
    expect(loser.reason).toMatchObject({ code: 'CONFIG_CONFLICT', retryable: false, mayHaveRun: false });
  });

  it('loses no increment of many racing writers who read again', async () => {
    await store.put('1.0.0', { n: 0 });
    const writers = await Promise.all(Array.from({ length: 4 }, () => openStore(service)));
    const increment = async (writer: ConfigStore): Promise<void> => {
      const { config, revision } = (await writer.document<{ n: number }>('1.0.0'))!;
      await writer
        .put('1.0.0', { n: config.n + 1 }, { expect: revision })
        .catch((error: { code?: string }) => {
          if (error.code !== 'CONFIG_CONFLICT') throw error;
          return increment(writer);
        });
    };
    await Promise.all(
      writers.map(async (writer) => {
        for (let count = 0; count < 10; count++) await increment(writer.store);
      }),
    );
    expect(await store.get('1.0.0')).toEqual({ n: 40 });
  });

  it('refuses to create what exists and to change what does not', async () => {
    await expect(store.put('1.0.0', {}, { expect: 7 })).rejects.toThrow(/is not stored, expected/);
    await store.put('1.0.0', {}, { expect: 0 });
    await expect(store.put('1.0.0', {}, { expect: 0 })).rejects.toMatchObject({ code: 'CONFIG_CONFLICT' });
  });

  it('gives a foreign write a revision, so that a writer who missed it is refused', async () => {
    const { revision } = await store.put('1.0.0', { n: 1 });
    await redis.commands.hset(hash(), '1.0.0', '{"n":2}');
    await expect(store.put('1.0.0', { n: 3 }, { expect: revision })).rejects.toMatchObject({
      code: 'CONFIG_CONFLICT',
    });
    const [latest] = await store.history();
    expect(latest).toMatchObject({ revision: 2, action: 'put', isForeign: true, config: { n: 2 }, by: '' });
  });

  it('records who changed what, when and why, newest first', async () => {
    await store.put('1.0.0', { n: 1 }, { by: 'ada', why: 'first' });
    await store.put('1.1.0', { n: 2 }, { by: 'bob' });
    await store.remove('1.0.0', { by: 'ada', why: 'old' });
    const changes = await store.history();
    expect(
      changes.map(({ revision, version, action, by, why }) => [revision, version, action, by, why]),
    ).toEqual([
      [3, '1.0.0', 'remove', 'ada', 'old'],
      [2, '1.1.0', 'put', 'bob', ''],
      [1, '1.0.0', 'put', 'ada', 'first'],
    ]);
    expect(Math.abs(Date.parse(changes[0]!.at) - Date.now())).toBeLessThan(60_000);
    expect(await store.history('1.1.0')).toHaveLength(1);
  });

  it('sees in its history what another program removed', async () => {
    await store.put('1.0.0', { n: 1 });
    await redis.commands.hdel(hash(), '1.0.0');
    expect((await store.history())[0]).toMatchObject({ action: 'remove', isForeign: true });
    expect(await store.get('1.0.0')).toBeUndefined();
  });

  it('keeps a bounded history', async () => {
    const { store: small } = await openStore(service, { historyLimit: 3 });
    for (let n = 1; n <= 6; n++) await small.put('1.0.0', { n });
    expect((await small.history()).map(({ revision }) => revision)).toEqual([6, 5, 4]);
  });

  it('keeps as much history as its own service says, whoever else reads or writes', async () => {
    const { store: own } = await openStore(service, { historyLimit: 30 });
    await own.running.follow();
    for (let n = 1; n <= 20; n++) await own.put('1.0.0', { n });
    const other = await openStore(uniqueService('reader'), { historyLimit: 3 });
    await redis.commands.hset(hash(), '1.0.0', '{"foreign":true}');
    expect(await other.store.of(service).get('1.0.0')).toEqual({ foreign: true });
    await other.store.of(service).put('1.0.0', { n: 22 });
    expect(await other.store.of(service).history()).toHaveLength(22);
    expect(await own.history()).toHaveLength(22);
  });

  it('has its history cut by nobody where its service has not said how long it is', async () => {
    const { store: long } = await openStore(uniqueService('writer'), { historyLimit: 30 });
    for (let n = 1; n <= 20; n++) await long.of(service).put('1.0.0', { n });
    const { store: short } = await openStore(uniqueService('reader'), { historyLimit: 3 });
    await redis.commands.hset(hash(), '1.0.0', '{"foreign":true}');
    await short.of(service).put('1.0.0', { n: 21 });
    expect(await long.of(service).history()).toHaveLength(20);
  });

  it('reads once for many words on its channel', async () => {
    await store.put('1.0.0', { n: 0 });
    const seen: unknown[] = [];
    const watching = store.watch().subscribe((config) => seen.push(config));
    await eventually(() => seen.length === 1, { what: 'the first' });
    const readings = async () => {
      const stats = await redis.commands.info('commandstats');
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await readings();
    const channel = `hydra:service:${service}:config:announcements`;
    for (let batch = 0; batch < 20; batch++) {
      await Promise.all(Array.from({ length: 100 }, () => redis.commands.publish(channel, 'x')));
    }
    await store.put('1.0.0', { n: 1 });
    await eventually(() => seen.length === 2, { what: 'the change after them' });
    // Behind every reading that the words caused.
    await store.running.follow();
    expect((await readings()) - before).toBeLessThan(200);
    watching.unsubscribe();
  });

  it('goes back to a revision, or to what was before the last change', async () => {
    for (const n of [1, 2, 3]) await store.put('1.0.0', { n });
    expect(await store.rollback(1)).toEqual({ version: '1.0.0', revision: 4 });
    expect(await store.get('1.0.0')).toEqual({ n: 1 });
    await store.rollback('1.0.0');
    expect(await store.get('1.0.0')).toEqual({ n: 3 });
    expect((await store.history())[0]).toMatchObject({ action: 'rollback', why: 'back to revision 3' });
    await expect(store.rollback(99)).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
  });

  it('brings a removed version back', async () => {
    await store.put('1.0.0', { n: 1 });
    expect(await store.remove('1.0.0')).toBe(true);
    expect(await store.remove('1.0.0')).toBe(false);
    await store.rollback('1.0.0');
    expect(await store.get('1.0.0')).toEqual({ n: 1 });
  });

  it('refuses to roll back over what it has not seen', async () => {
    await store.put('1.0.0', { n: 1 });
    const { revision } = await store.put('1.0.0', { n: 2 });
    await store.put('1.0.0', { n: 3 });
    await expect(store.rollback(1, { expect: revision })).rejects.toMatchObject({ code: 'CONFIG_CONFLICT' });
  });

  it('says what differs between versions and revisions', async () => {
    await store.put('1.0.0', { a: 1, b: { c: [1, 2] }, d: 4 });
    await store.put('1.1.0', { a: 1, b: { c: [1, 3] }, e: 5 });
    const expected = [
      { path: 'b.c.1', kind: 'changed', before: 2, after: 3 },
      { path: 'd', kind: 'removed', before: 4 },
      { path: 'e', kind: 'added', after: 5 },
    ];
    expect(await store.diff('1.0.0', '1.1.0')).toEqual(expected);
    expect(await store.diff(1, 2)).toEqual(expected);
    await expect(store.diff('1.0.0', '3.0.0')).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' });
  });

  it.each([[null], [[1]], ['text'], [12], [undefined]])('refuses %j, which is no object', async (config) => {
    await expect(store.put('1.0.0', config as unknown as object)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(await store.list()).toEqual([]);
  });

  it.each(['', 'a b', 'math:1.0.0'])('refuses the version %j', async (version) => {
    await expect(store.put(version, {})).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('refuses a document larger than a message may be', async () => {
    await expect(store.put('1.0.0', { text: 'x'.repeat(1_048_576) })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it('refuses at the writer what the schema refuses, naming the path', async () => {
    const schema = z.object({ limit: z.number(), db: z.object({ url: z.url() }).optional() });
    const { store: strict } = await openStore(service, { schema });
    await expect(strict.put('1.0.0', { limit: 'many' })).rejects.toThrow(/pricing-\w+:1\.0\.0 .*limit: /);
    expect(await strict.list()).toEqual([]);
    // Where the reference leads is known at the readers only.
    await strict.put('1.0.0', { limit: 1, db: { url: 'env:DATABASE_URL' } });
  });

  it('checks a document as it will be read back', async () => {
    const dated = { '~standard': { version: 1 as const, vendor: 'test', validate: wantsDate } };
    const { store: strict } = await openStore(service, { schema: dated });
    await expect(strict.put('1.0.0', { at: new Date() })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(store.put('1.0.0', { toJSON: () => 5 })).rejects.toThrow('is not a JSON object');
    expect(await store.list()).toEqual([]);
  });

  it('does not wait for a pipe that a reference leads to', async () => {
    const pipe = join(await mkdtemp(join(tmpdir(), 'hydra-pipe-')), 'secret');
    execFileSync('mkfifo', [pipe]);
    await store.put('1.0.0', { token: `file:${pipe}` });
    await expect(store.get('1.0.0')).rejects.toThrow('cannot be read');
  });

  it('goes on running with what it has when a part joins that is not stored any more', async () => {
    const { store: running } = await openStore(service, { defaults: { n: 0 } }, { version: '1.0.0' });
    await running.put('1.0.0', { n: 7 });
    const first = await running.running.live(z.object({ n: z.number() }), '');
    await store.remove('1.0.0');
    const second = await running.running.live(z.number(), 'n');
    expect([first.value, second.value]).toEqual([{ n: 7 }, 7]);
    expect(running.running.status).toMatchObject({
      source: 'redis',
      problem: expect.stringContaining('NOT_FOUND'),
    });
  });

  it('does not hold a part that could not be had against all that comes after', async () => {
    const { store: running } = await openStore(service, {}, { version: '1.0.0' });
    await running.put('1.0.0', { n: 7 });
    await expect(running.running.live(z.string(), 'n')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await running.put('1.0.0', { n: 8 });
    expect((await running.running.live(z.number(), 'n')).value).toBe(8);
  });

  it('refuses at the reader what a foreign program stored', async () => {
    const { store: strict } = await openStore(service, { schema: z.object({ limit: z.number() }) });
    await redis.commands.hset(hash(), '1.0.0', '{"limit":"many"}', '1.1.0', 'no json');
    await expect(strict.get('1.0.0')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(strict.get('1.1.0')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('applies what the schema makes of it', async () => {
    const schema = z.object({ limit: z.number().default(7) });
    const { store: strict } = await openStore(service, { schema });
    await strict.put('1.0.0', {});
    expect(await strict.get('1.0.0')).toEqual({ limit: 7 });
    expect((await strict.document('1.0.0'))?.config).toEqual({});
  });

  it('resolves references at the reader and leaves them in the document', async () => {
    process.env['PRICING_TEST_TOKEN'] = 's3cret';
    await store.put('1.0.0', { token: 'env:PRICING_TEST_TOKEN', page: 'file:///index.html' });
    expect(await store.get('1.0.0')).toEqual({ token: 's3cret', page: 'file:///index.html' });
    expect((await store.document('1.0.0'))?.config).toMatchObject({ token: 'env:PRICING_TEST_TOKEN' });
    delete process.env['PRICING_TEST_TOKEN'];
    await expect(store.get('1.0.0')).rejects.toThrow('token: env:PRICING_TEST_TOKEN is not set');
  });

  it('never shows a secret in history or diff, whoever asks', async () => {
    const { store: owner } = await openStore(service, { secrets: ['mail.account'] });
    await owner.put('1.0.0', { password: 'a', mail: { account: { user: 'u1' } }, host: 'x' });
    await owner.put('1.0.0', { password: 'b', mail: { account: { user: 'u2' } }, host: 'y' });
    await owner.running.follow();
    // Another process knows the marks from Redis.
    const seen = () => Promise.all([store.history(), store.diff(1, 2)]);
    await eventually(async () => !JSON.stringify(await seen()).includes('u1'), { what: 'the marks' });
    const [history, diff] = await seen();
    expect(history[0]?.config).toEqual({
      password: '[redacted]',
      mail: { account: { user: '[redacted]' } },
      host: 'y',
    });
    expect(diff).toEqual([
      { path: 'password', kind: 'changed', before: '[redacted]', after: '[redacted]' },
      { path: 'mail.account.user', kind: 'changed', before: '[redacted]', after: '[redacted]' },
      { path: 'host', kind: 'changed', before: 'x', after: 'y' },
    ]);
  });

  it('keeps other services apart', async () => {
    const other = store.of(uniqueService('billing'));
    await other.put('1.0.0', { currency: 'EUR' });
    await other.put('2.0.0', { currency: 'USD' });
    expect(await other.get()).toEqual({ currency: 'USD' });
    expect(await store.list()).toEqual([]);
    expect(store.of(other.service)).toBe(other);
  });

  it('watches any version of any service', async () => {
    const name = uniqueService('billing');
    const seen: unknown[] = [];
    const watching = store
      .of(name)
      .watch('1.0.0')
      .subscribe((config) => seen.push(config));
    const { store: writer } = await openStore(name);
    await writer.put('2.0.0', { n: 0 });
    await writer.put('1.0.0', { n: 1 });
    await eventually(() => seen.length === 1, { what: 'the first' });
    await writer.put('1.0.0', { n: 2 });
    await eventually(() => seen.length === 2, { what: 'the second' });
    expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
    watching.unsubscribe();
  });

  describe('encrypted at rest', () => {
    it('shows Redis nothing, and its holders of the key everything', async () => {
      const keys = newKey('k1');
      const { store: sealed } = await openStore(service, { keys });
      await sealed.put('1.0.0', { word: 'mellon' });
      await sealed.put('1.0.0', { word: 'mellon!' });
      expect(await sealed.get('1.0.0')).toEqual({ word: 'mellon!' });
      await sealed.rollback(1);
      expect(await sealed.get('1.0.0')).toEqual({ word: 'mellon' });
      const raw = JSON.stringify([
        await redis.commands.hgetall(hash()),
        await redis.commands.lrange(`hydra:service:${service}:config:history`, 0, -1),
      ]);
      expect(raw).not.toContain('mellon');
      expect(raw).toContain('k1');
      await expect(store.get('1.0.0')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    });

    it('reads what an older key sealed, and seals with the new one', async () => {
      const [oldKey, newOne] = [newKey('k1'), newKey('k2')];
      const { store: before } = await openStore(service, { keys: oldKey });
      await before.put('1.0.0', { n: 1 });
      const { store: after } = await openStore(service, { keys: `${newOne},${oldKey}` });
      expect(await after.get('1.0.0')).toEqual({ n: 1 });
      await after.put('1.0.0', { n: 2 });
      expect(await redis.commands.hget(hash(), '1.0.0')).toContain('"kid":"k2"');
    });

    it('does not open a document that was moved to another version', async () => {
      const { store: sealed } = await openStore(service, { keys: newKey('k1') });
      await sealed.put('1.0.0', { admin: false });
      const text = await redis.commands.hget(hash(), '1.0.0');
      await redis.commands.hset(hash(), '2.0.0', text!);
      await expect(sealed.get('2.0.0')).rejects.toThrow(/altered or moved/);
    });

    it.each(['k1', 'k1:short', `${newKey('a')},b:AAAA`])('refuses keys that are none', async (keys) => {
      await expect(openStore(service, { keys })).rejects.toMatchObject({ code: 'BAD_OPTION' });
      await expect(openStore(service, { keys })).rejects.not.toThrow(keys);
    });
  });
});
