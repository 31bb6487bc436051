import { fileURLToPath } from 'node:url';
import { Logger } from '@nestjs/common';

import { QueueService } from '../../lib/index.js';
import { createQueueKeys, type QueueKeys } from '../../lib/queue/model/queue-keys.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { startCaller } from '../support/app.js';
import { startChild, type Child } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { testRedis, testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const PROGRAM = fileURLToPath(new URL('./queue-poison.process.ts', import.meta.url));

let service: string;
let proxy: Proxy;
let worker: Child;
let queue: QueueService;
let keys: QueueKeys;
let instance: HydraInstance;

beforeAll(async () => {
  Logger.overrideLogger(false);
  service = uniqueService('poison');
  proxy = await startProxy(await testRedisUrl());
  worker = startChild(PROGRAM, { env: { REDIS_URL: proxy.url, SERVICE: service } });
  const caller = await startCaller({ service, redis: await testRedis() }, []);
  queue = caller.app.get(QueueService);
  instance = caller.app.get(HydraInstance);
  keys = createQueueKeys(instance.keys, service);
  await worker.ready;
});

/** The worker lives, and works. */
afterEach(async () => {
  await queue.add('plain', 'well').result({ timeoutMs: 10_000 });
});

const endOf = (result: Promise<unknown>) => result.catch(({ message }) => message as string);

describe('a worker outlives', () => {
  it('interceptors whose teardown throws', async () => {
    const jobs = ['complete', 'error', 'never'].map((end) => queue.add('teardown behind', end));
    const ends = await Promise.all(jobs.map((job) => endOf(job.result({ timeoutMs: 10_000 }))));
    expect(ends).toEqual([
      undefined,
      expect.stringContaining('Error: failed'),
      expect.stringContaining('ran longer than timeoutMs=200'),
    ]);
  });

  it('Observables whose teardown throws', async () => {
    const jobs = ['complete', 'error', 'never'].map((end) => queue.add('teardown', end));
    const ends = await Promise.all(jobs.map((job) => endOf(job.result({ timeoutMs: 10_000 }))));
    expect(ends).toEqual([
      undefined,
      expect.stringContaining('Error: failed'),
      expect.stringContaining('ran longer than timeoutMs=200'),
    ]);
  });

  it('an error that cannot be shown', async () => {
    const end = await endOf(queue.add('odd', 1).result({ timeoutMs: 10_000 }));
    expect(end).toContain('cannot be shown');
  });

  it.each([4_000, 200_000])('a failing job nested %d deep, which becomes a dead letter', async (levels) => {
    const id = `deep-${levels}`;
    const body = '['.repeat(levels) + ']'.repeat(levels);
    const raw = `{"to":"${service}:/","mid":"${id}","typ":"fails","bdy":${body}}`;
    await instance.redis.commands.lpush(keys.waiting, raw);
    await eventually(async () => (await queue.get(id))?.state === 'dead', { what: 'the dead letter' });
    const [letter] = (await queue.deadLetters()).filter((dead) => dead.id === id);
    expect(letter).toMatchObject({ pattern: 'fails', reason: 'Error: as always', attempts: 2 });
    await eventually(() => worker.output().includes('of "fails" is a dead letter'), { what: 'the log' });
    expect(await queue.redrive(id)).toEqual([id]);
    await eventually(async () => (await queue.get(id))?.state === 'dead', { what: 'the dead letter' });
    expect(await queue.remove(id)).toBe(true);
  });

  it('states and letters that strangers wrote', async () => {
    const { commands } = instance.redis;
    const deep = '['.repeat(50_000) + ']'.repeat(50_000);
    const texts = ['1', 'null', '[]', `{"history":${deep}}`, '{"history":[{}],"failures":"x"}'];
    const raws = texts.map((_, n) => `{"to":"${service}:/","mid":"state-${n}","typ":"fails"}`);
    await commands.hset(keys.state, ...raws.flatMap((raw, n) => [raw, texts[n]!]));
    await commands.hset(keys.progress, ...raws.flatMap((_, n) => [`state-${n}`, 'no JSON']));
    await commands.lpush(keys.waiting, ...raws, deep, 'no JSON');
    const states = () => Promise.all(raws.map((_, n) => queue.get(`state-${n}`)));
    const areDead = async () => (await states()).every((view) => view?.state === 'dead');
    await eventually(areDead, { what: 'the dead letters' });
  });

  it('what a handler tells and adds without waiting, while Redis is away', async () => {
    const job = await queue.add('careless', 1);
    await eventually(() => worker.lines.some((line) => line['running'] === job.id), { what: 'the job' });
    proxy.freeze();
    proxy.sever();
    // Longer than a command waits: each of them fails.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    proxy.thaw();
    expect(await job.result({ timeoutMs: 20_000 })).toBe('done');
  });
});
