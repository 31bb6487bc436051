import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { DASHBOARD_ACTIONS } from '../../lib/dashboard/access/actions.js';
import { Questions } from '../../lib/dashboard/ask/questions.js';
import {
  aclRules,
  ConfigStore,
  HydraLogger,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  type AclOptions,
} from '../../lib/index.js';
import { startAclRedis, type AclRedis } from '../support/acl.js';
import { startService } from '../support/app.js';
import { act, follow, startDashboard, withPage, type TestDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const service = uniqueService('shown');
const STREAM = 'shown-entries';
const IN_AN_HOUR = { delayMs: 3_600_000 };

@Controller()
class Failing {
  @QueuePattern('fail')
  fail(): void {
    throw new Error('no stock');
  }

  @QueuePattern('work')
  work(@Payload() n: number): number {
    return n;
  }

  @StreamPattern(STREAM, { group: 'shop', from: 'beginning', attempts: 1 })
  entry(): void {
    throw new Error('no such order');
  }
}

let acl: AclRedis;

beforeAll(async () => {
  await withPage();
  acl = await startAclRedis();
  await fill();
}, 60_000);

/** A service that did everything of which the page can tell. */
async function fill(): Promise<void> {
  const { app, close } = await startService({ service, redis: acl.url }, [Failing]);
  const [queues, streams, configs] = [app.get(QueueService), app.get(StreamService), app.get(ConfigStore)];
  for (const id of ['dead-1', 'dead-2']) await queues.add('fail', {}, { id, attempts: 1 });
  await (await queues.add('work', 1, { id: 'done' })).result({ timeoutMs: 20_000 });
  for (const id of ['one', 'two', 'three']) await queues.add('work', 2, { id, ...IN_AN_HOUR });
  await queues.repeat('nightly', '0 3 * * *', 'work', 3);
  for (let n = 0; n < 2; n++) await streams.publish(STREAM, { n });
  await configs.put('1.0.0', { limit: 1 });
  await configs.put('1.0.0', { limit: 2 });
  app.get(HydraLogger).log('hello');
  await app.get(HydraLogger).flush();
  await eventually(async () => (await queues.counts()).dead === 2, { what: 'the dead letters' });
  await eventually(async () => (await streams.info(STREAM)).groups[0]?.deadLetters === 2, {
    what: 'those of the stream',
  });
  await close();
}

/** The page of a user who has the role, and whatever else is granted. */
async function pageWith(granted: AclOptions = {}): Promise<TestDashboard> {
  const redis = await acl.userFor('dashboard', { roles: ['dashboard'], ...granted });
  await acl.refused();
  return startDashboard(redis, { who: () => 'Ada' });
}

const QUESTIONS: readonly Readonly<Record<string, string>>[] = [
  ...['waiting', 'active', 'delayed', 'dead', 'completed'].flatMap((state) => [
    { what: 'jobs', service, state },
    { what: 'jobs', service, state, pattern: 'work', text: 'o' },
  ]),
  { what: 'failures', service },
  { what: 'schedules', service },
  ...['dead-1', 'done', 'one', 'nobody'].map((id) => ({ what: 'job', service, id })),
  { what: 'entries', stream: STREAM },
  { what: 'letters', stream: STREAM, group: 'shop' },
  { what: 'group', stream: STREAM, group: 'shop' },
  { what: 'configs', service },
  { what: 'document', service, version: '1.0.0' },
  { what: 'difference', service, a: '@1', b: '1.0.0' },
];

const TOPICS = [
  ...['fleet', 'queues', 'streams', 'conditions', 'topology', 'tasks', 'logs', `logs/${service}`],
  ...[`stream/${STREAM}`, `service/${service}`, `queue/${service}/default`],
];

/** With RESP2; with the number of a database; for a search that goes on where it stopped. */
const NOT_HERE = ['auth', 'select', 'zrank'];

async function ask(page: TestDashboard, words: Readonly<Record<string, string>>) {
  const answer = await fetch(`${page.url}ask?${new URLSearchParams(words).toString()}`);
  return { words, status: answer.status, body: await answer.text() };
}

async function askAll(page: TestDashboard): Promise<void> {
  const answers = await Promise.all(QUESTIONS.map((words) => ask(page, words)));
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
}

async function watchAll(page: TestDashboard): Promise<void> {
  // A page watches a few things at a time.
  const pages = await Promise.all(TOPICS.map((topic) => follow(page.url, [topic])));
  await eventually(() => pages.every(({ heard }) => heard.length > 0), {
    what: 'a word of each topic',
    timeoutMs: 20_000,
  });
  for (const { stop } of pages) stop();
  const words = pages.flatMap(({ heard }) => heard);
  expect(words.filter(({ problem }) => problem !== undefined)).toEqual([]);
}

describe('a user with the role dashboard', () => {
  it('is answered every question and told of every topic, and is refused nothing', async () => {
    const page = await pageWith();
    await askAll(page);
    await watchAll(page);
    expect(await acl.refused()).toEqual([]);
  }, 60_000);

  it('is asked here for all that there is to ask', async () => {
    const asked = new Set(QUESTIONS.map(({ what }) => what));
    expect(asked).toEqual(new Set(Questions.names));
  });

  it('has no right that the page does not need', async () => {
    const alive = await startInstance({ service: uniqueService('alive'), redis: acl.url });
    // It stands in the registry for a while, and does nothing that would be counted.
    alive.redis.close();
    await acl.admin.call('SCRIPT', 'FLUSH');
    await acl.admin.call('CONFIG', 'RESETSTAT');
    const page = await pageWith();
    await askAll(page);
    await watchAll(page);
    const used = await commandsUsed();
    const granted = new Set(
      aclRules('dashboard', { roles: ['dashboard'] })
        .join(' ')
        .match(/(?<=\+)[a-z_|]+/g),
    );
    expect([...granted].filter((command) => !used.has(command)).toSorted()).toEqual(NOT_HERE);
  }, 60_000);
});

/** One order of each kind, and what has to be granted beside the role. */
async function orders(page: TestDashboard): Promise<readonly Ordered[]> {
  const letters = JSON.parse((await ask(page, { what: 'letters', stream: STREAM, group: 'shop' })).body) as {
    readonly id: string;
  }[];
  const [first, second] = letters.map(({ id }) => id);
  const ofStream = { stream: STREAM, group: 'shop' };
  const queues = { queues: [service] };
  const consumes = { consumes: [STREAM] };
  const writesConfig = { writesConfig: [service] };
  return [
    { order: { action: 'queue.redrive', service, id: 'dead-1' }, granted: queues },
    { order: { action: 'queue.remove', service, id: 'dead-2' }, granted: queues },
    { order: { action: 'queue.promote', service, id: 'one' }, granted: queues },
    { order: { action: 'queue.cancel', service, id: 'two' }, granted: queues },
    { order: { action: 'queue.pause', service }, granted: queues },
    { order: { action: 'queue.resume', service }, granted: queues },
    { order: { action: 'queue.stop-repeating', service, name: 'nightly' }, granted: queues },
    { order: { action: 'stream.redrive', ...ofStream, id: first }, granted: consumes },
    { order: { action: 'stream.remove', ...ofStream, id: second }, granted: consumes },
    { order: { action: 'stream.replay', ...ofStream, from: 'beginning' }, granted: consumes },
    {
      order: { action: 'config.put', service, version: '1.0.0', text: '{"limit":3}', expect: 2 },
      granted: writesConfig,
    },
    { order: { action: 'config.rollback', service, to: 1, expect: 3 }, granted: writesConfig },
  ];
}

interface Ordered {
  readonly order: Readonly<Record<string, string | number | undefined>> & { readonly action: string };
  readonly granted: AclOptions;
}

/** Nothing ends by itself from here on. */
async function keepAll(): Promise<void> {
  for (const key of await acl.admin.keys('*')) await acl.admin.persist(key);
}

/** All data of Redis, as text. */
async function everything(): Promise<string> {
  const keys = (await acl.admin.keys('*')).toSorted();
  return JSON.stringify(await Promise.all(keys.map(async (key) => [key, await acl.admin.dump(key)])));
}

async function answerTo(page: TestDashboard, order: object) {
  const answer = await act(page.url, order);
  const body = (await answer.json()) as { readonly code?: string; readonly error?: string };
  return { order, status: answer.status, ...body };
}

describe('what is done on the page', () => {
  it('is all there is to do', async () => {
    const all = (await orders(await pageWith())).map(({ order }) => order.action);
    expect(all.toSorted()).toEqual([...DASHBOARD_ACTIONS].toSorted());
  });

  it('is refused by Redis where nothing is granted beside the role, and changes nothing', async () => {
    const page = await pageWith();
    await keepAll();
    const before = await everything();
    for (const { order } of await orders(page))
      expect(await answerTo(page, order)).toMatchObject({ status: 502, code: 'FORBIDDEN' });
    expect(await everything()).toBe(before);
  });

  it('is refused where something else is granted', async () => {
    const others = { queues: ['another'], consumes: ['another'], writesConfig: ['another'] };
    const page = await pageWith(others);
    for (const { order } of await orders(page))
      expect(await answerTo(page, order)).toMatchObject({ status: 502, code: 'FORBIDDEN' });
  });

  it('is done where just this is granted, and nothing is refused', async () => {
    for (const { order, granted } of await orders(await pageWith())) {
      const page = await pageWith(granted);
      expect(await answerTo(page, order)).toMatchObject({ status: 200 });
      expect([order.action, await acl.refused()]).toEqual([order.action, []]);
      await page.close();
    }
  }, 60_000);
});

/** What Redis was given since the last time, within scripts as well. */
async function commandsUsed(): Promise<ReadonlySet<string>> {
  const stats = await acl.admin.info('commandstats');
  return new Set([...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name = '']) => name));
}
