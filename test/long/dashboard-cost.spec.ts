import { connect } from 'node:net';

import { startDashboard, follow, type TestDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { registerMany } from '../support/many-instances.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';

/** All that is watched is looked at twice, and what is wrong once. */
const WATCHED_MS = 11_000;
const RARELY_MS = 16_000;
const JOBS = 1_000_000;
/** No command takes longer. */
const LIMIT_MS = 10;
/** What each page watches, besides the tasks. */
const PAGES: readonly (readonly [page: string, topics: readonly string[]])[] = [
  ['Overview', ['fleet', 'queues', 'conditions']],
  ['Topology', ['topology']],
  ['Services', ['fleet']],
  ['a service', ['service/service-007']],
  ['Logs of all', ['logs']],
  ['Queues', ['queues']],
  ['a queue', ['queue/service-007/default']],
  ['Streams', ['streams', 'topology']],
  [
    'all of them at once',
    ['fleet', 'queues', 'conditions', 'topology', 'service/service-007', 'logs', 'streams'],
  ],
];

/** How many commands clients send in a second meanwhile: those within scripts are not counted. */
async function commandsPerS(url: string, ms: number): Promise<number> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let [count, rest] = [0, ''];
  socket.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\r\n');
    rest = lines.pop()!.slice(0, 200);
    count += lines.filter((line) => /^\+\d+\.\d+ \[\d+ \d/.test(line)).length;
  });
  socket.write('MONITOR\r\n');
  await new Promise((resolve) => setTimeout(resolve, ms));
  socket.destroy();
  return (count * 1_000) / ms;
}

/** The slowest command of some time, in milliseconds. */
interface Slowest {
  readonly ms: number;
  /** Of the commands of each kind the one in the middle, of the slowest kind: printed only: it tells whether a command is slow, or one of many was interrupted. */
  readonly usualMs: number;
}

type Entry = readonly [id: number, at: number, micros: number, words: readonly string[]];

/** Since it was asked last. */
async function slowest(url: string): Promise<Slowest> {
  const redis = connectTo(url);
  const entries = (await redis.slowlog('GET', 1_000)) as readonly Entry[];
  await redis.slowlog('RESET');
  const own = entries.filter(([, , , [name = '']]) => !/^(slowlog|rpush|lpush|config|monitor)$/i.test(name));
  const kinds = new Map<string, number[]>();
  for (const [, , micros, words] of own) {
    const kind = words.slice(0, 2).join(' ');
    kinds.set(kind, [...(kinds.get(kind) ?? []), micros / 1_000]);
  }
  return {
    ms: Math.max(0, ...own.map(([, , micros]) => micros / 1_000)),
    usualMs: Math.max(0, ...[...kinds.values()].map(middleOf)),
  };
}

function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;
}

describe('what the dashboard costs', () => {
  let url: string;
  let page: TestDashboard;

  beforeAll(async () => {
    ({ url } = await startPrivateRedis());
    await registerMany(url, { services: 100, each: 10 });
    await connectTo(url).config('SET', 'slowlog-log-slower-than', '500', 'slowlog-max-len', '1000');
    page = await startDashboard(url);
  }, 120_000);

  it('is nothing while nobody looks, beside the look whether the connections stand', async () => {
    const idle = await commandsPerS(url, WATCHED_MS);
    process.stdout.write(`nobody looks: ${idle.toFixed(2)} commands/s\n`);
    expect(idle).toBeLessThanOrEqual(1.5);
  });

  it.each(PAGES)(
    'is twenty commands a second at most for 100 services of 10 instances: %s',
    async (name, topics) => {
      const watchedMs = topics.includes('conditions') ? RARELY_MS : WATCHED_MS;
      const { heard, stop } = await follow(page.url, ['tasks', ...topics]);
      await eventually(() => topics.every((topic) => heard.some((one) => one.name === topic)), {
        what: 'all that is watched',
        timeoutMs: 30_000,
      });
      const perS = await commandsPerS(url, watchedMs);
      // MONITOR slows down what it shows.
      const from = performance.now();
      await slowest(url);
      await new Promise((resolve) => setTimeout(resolve, watchedMs));
      const { ms, usualMs } = await slowest(url);
      stop();
      const problems = heard.flatMap(({ problem }) => problem ?? []);
      process.stdout.write(
        `${name}: ${perS.toFixed(1)} commands/s, the slowest ${ms.toFixed(1)} ms, usually ${usualMs.toFixed(1)} ms\n`,
      );
      expect(problems).toEqual([]);
      expect(perS).toBeLessThanOrEqual(20);
      expect(ms).toBeLessThanOrEqual(scaled(LIMIT_MS, from));
    },
    90_000,
  );

  it('stays the same with a million jobs that wait', async () => {
    const service = 'service-007';
    const instance = await startInstance({ service: 'adder', redis: url });
    const { id } = await instance.queues.add('work', { n: 0 }, { service });
    const redis = connectTo(url);
    const waiting = instance.keys.waiting(service);
    const [text = ''] = await redis.lrange(waiting, 0, 0);
    for (let from = 1; from < JOBS; from += 10_000) {
      const some = Array.from({ length: Math.min(10_000, JOBS - from) }, (_, n) =>
        text.replaceAll(id, `job-${from + n}`),
      );
      await redis.lpush(waiting, ...some);
    }
    await slowest(url);
    const from = performance.now();
    const { heard, stop } = await follow(page.url, [`queue/${service}/default`, 'queues']);
    await eventually(() => heard.length > 1, { what: 'the queue', timeoutMs: 30_000 });
    const asked: Record<string, string> = {};
    const ask = async (what: string, words: Readonly<Record<string, string>>) => {
      const began = performance.now();
      const query = new URLSearchParams({ what, service, ...words }).toString();
      const answer = await fetch(`${page.url}ask?${query}`);
      expect(answer.status).toBe(200);
      const bytes = (await answer.text()).length;
      asked[JSON.stringify(words)] = `${Math.round(performance.now() - began)} ms, ${bytes} bytes`;
      expect(bytes).toBeLessThan(100_000);
    };
    await ask('jobs', { state: 'waiting' });
    await ask('jobs', { state: 'waiting', offset: '500000' });
    await ask('jobs', { state: 'waiting', offset: '999950' });
    await ask('jobs', { state: 'waiting', text: 'no such text' });
    await ask('jobs', { state: 'waiting', pattern: 'work' });
    stop();
    const { ms, usualMs } = await slowest(url);
    process.stdout.write(
      `${JOBS} jobs wait: the slowest command ${ms.toFixed(1)} ms, usually ${usualMs.toFixed(1)} ms; ${JSON.stringify(asked, undefined, 2)}\n`,
    );
    expect(ms).toBeLessThanOrEqual(scaled(LIMIT_MS, from));
  }, 300_000);
});
