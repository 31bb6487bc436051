import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { HydraModule, HydraServer, StreamPattern, StreamService } from '../support/hydra.js';
import { Redis } from '../support/ioredis.js';
import { TOO_LONG, type Facts } from '../support/report.js';

const STREAM = 'bench-scripts';
const GROUP = 'bench-group';
const KEY = `hydra:stream:${STREAM}`;
const DEAD = `${KEY}:dead:${GROUP}`;
/** What Redis notes down, in microseconds. */
const NOTED_US = 200;
/** Keys that order the entries. */
const ORDER_KEYS = 100_000;
/** A command that waited for a processor looks slow: what is too long is so in each of so many tries. */
const TRIES = 3;

/** What one command of Redis may take, in milliseconds: so long all others wait. */
export const LIMIT_MS = 10;

interface Subject {
  readonly redis: InstanceType<typeof Redis>;
  readonly streams: InstanceType<typeof StreamService>;
  /** A million; fewer where it is to be quick. */
  readonly many: number;
  /** An instance that reads the group for so long. */
  readonly read: (ms: number, options?: ReadOptions) => Promise<void>;
}

interface ReadOptions {
  readonly orderBy?: string;
  readonly isFailing?: boolean;
}

interface Scenario {
  readonly title: string;
  readonly prepare: (subject: Subject) => Promise<void>;
  readonly act: (subject: Subject) => Promise<unknown>;
}

/** KEYS 1 stream; ARGV 1 first, 2 last number, 3 keys, 4 how many x a text has. */
const FILL = `
for n = ARGV[1] + 0, ARGV[2] + 0 do
  local data = string.format('{"n":%d,"key":"k%d","text":"%s"}', n, n % ARGV[3], string.rep('x', ARGV[4]))
  redis.call('XADD', KEYS[1], '1000-' .. string.format('%d', n), 'hydra', '1', 'data', data)
end`;

/** The same as dead letters of the entries 1-<n>. */
const FILL_DEAD = `
for n = ARGV[1] + 0, ARGV[2] + 0 do
  redis.call('XADD', KEYS[1], '*', 'hydra-id', '1-' .. string.format('%d', n), 'hydra-reason', 'no', 'hydra-attempts', '1',
    'hydra', '1', 'data', string.rep('x', ARGV[4]))
end`;

async function inParts(count: number, part: number, act: (from: number, to: number) => Promise<unknown>) {
  for (let from = 1; from <= count; from += part) await act(from, Math.min(count, from + part - 1));
}

const fill = ({ redis }: Subject, count: number, { script = FILL, key = KEY, textLength = 20 } = {}) =>
  inParts(count, 5_000, (from, to) => redis.eval(script, 1, key, from, to, ORDER_KEYS, textLength));

const makeGroup = ({ redis }: Subject) => redis.xgroup('CREATE', KEY, GROUP, '0', 'MKSTREAM');

const deliverTo = ({ redis }: Subject, consumer: string, count: number) =>
  inParts(count, 5_000, (from, to) =>
    redis.xreadgroup('GROUP', GROUP, consumer, 'COUNT', to - from + 1, 'STREAMS', KEY, '>'),
  );

const hexId = (n: number) => n.toString(16).padStart(32, '0');

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'publish: plain, with an id, with maxLen; a million stored',
    prepare: (subject) => fill(subject, subject.many),
    act: async ({ streams, many }) => {
      for (let n = 0; n < 200; n++) await streams.publish(STREAM, n);
      for (let n = 0; n < 200; n++) await streams.publish(STREAM, n, { id: `id-${n}` });
      for (let n = 0; n < 50; n++) await streams.publish(STREAM, n, { maxLen: many / 2, id: `trim-${n}` });
      for (let n = 0; n < 50; n++) await streams.publish(STREAM, n, { maxLen: 1_000 });
    },
  },
  {
    title: 'consume, a million unread',
    prepare: (subject) => fill(subject, subject.many),
    act: ({ read }) => read(5_000),
  },
  {
    title: 'consume in order, a million unread',
    prepare: (subject) => fill(subject, subject.many),
    act: ({ read }) => read(8_000, { orderBy: 'key' }),
  },
  {
    title: 'give up all that is consumed, in order',
    prepare: (subject) => fill(subject, subject.many),
    act: ({ read }) => read(5_000, { orderBy: 'key', isFailing: true }),
  },
  {
    title: 'claim what one instance left: a million',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await makeGroup(subject);
      await deliverTo(subject, hexId(1), subject.many);
    },
    act: ({ read }) => read(10_000),
  },
  {
    title: 'claim what 400 instances left, in order',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await makeGroup(subject);
      for (let n = 0; n < 400; n++) await deliverTo(subject, `${hexId(n)}~`, 500);
    },
    act: ({ read }) => read(10_000, { orderBy: 'key' }),
  },
  {
    title: 'look at a foreign consumer that holds a million',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await makeGroup(subject);
      await deliverTo(subject, 'foreign', subject.many);
    },
    act: ({ read }) => read(8_000),
  },
  {
    title: 'an order of a million members',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await inParts(subject.many, 5_000, (from, to) =>
        subject.redis.zadd(
          `${KEY}:order:${GROUP}`,
          ...Array.from({ length: to - from }, (_, at) => {
            const id = `${'1000'.padStart(20, '0')}-${String(from + at).padStart(20, '0')}`;
            return [0, `:k${(from + at) % ORDER_KEYS}\0${id}`];
          }).flat(),
        ),
      );
      await makeGroup(subject);
      await deliverTo(subject, 'in-line', 5_000);
    },
    act: ({ read }) => read(10_000, { orderBy: 'key' }),
  },
  {
    title: 'a million dead letters: list, limit',
    prepare: async (subject) => {
      await fill(subject, 1_000);
      await fill(subject, subject.many, { script: FILL_DEAD, key: DEAD });
    },
    act: async ({ streams, read }) => {
      await streams.deadLetters(STREAM, { group: GROUP, limit: 1_000 });
      await read(15_000);
    },
  },
  {
    title: '20,000 dead letters of 20 kB: redrive half, delete half',
    prepare: async (subject) => {
      await makeGroup(subject);
      await fill(subject, 20_000, { script: FILL_DEAD, key: DEAD, textLength: 20_000 });
    },
    act: async ({ streams }) => {
      const letters = await streams.deadLetters(STREAM, { group: GROUP, limit: 500 });
      await streams.redrive(
        STREAM,
        letters.map(({ id }) => id),
        { group: GROUP },
      );
      await streams.redrive(STREAM, 'all', { group: GROUP });
      await streams.removeDeadLetters(STREAM, 'all', { group: GROUP });
    },
  },
  {
    title: 'delete a million dead letters',
    prepare: async (subject) => {
      await makeGroup(subject);
      await fill(subject, subject.many, { script: FILL_DEAD, key: DEAD });
    },
    act: ({ streams }) => streams.removeDeadLetters(STREAM, 'all', { group: GROUP }),
  },
  {
    title: 'trim a million: by length, by time',
    prepare: (subject) => fill(subject, subject.many),
    act: async ({ streams, many }) => {
      await streams.trim(STREAM, { maxLen: many / 2 + 7 });
      await streams.trim(STREAM, { before: `1000-${many - 7}` });
    },
  },
  {
    title: 'info, range and replay, a million pending with 1,000 consumers',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await makeGroup(subject);
      for (let n = 0; n < 1_000; n++) await deliverTo(subject, `foreign-${n}`, subject.many / 1_000);
    },
    act: async ({ streams }) => {
      await streams.info(STREAM);
      await streams.range(STREAM, { limit: 1_000 });
      await streams.replay(STREAM, GROUP, 'beginning');
    },
  },
  {
    title: 'remove a group with a million pending and a million dead letters',
    prepare: async (subject) => {
      await fill(subject, subject.many);
      await makeGroup(subject);
      await deliverTo(subject, 'foreign', subject.many);
      await fill(subject, subject.many, { script: FILL_DEAD, key: DEAD });
    },
    act: ({ streams }) => streams.removeGroup(STREAM, GROUP),
  },
];

/** What takes Redis longest in each scenario: one row each. */
export async function scriptTimes(redisUrl: string, isQuick: boolean): Promise<Facts[]> {
  const redis = new Redis(redisUrl);
  const names = await loadScripts(redis);
  const many = isQuick ? 100_000 : 1_000_000;
  const read = (ms: number, options: ReadOptions = {}) => readFor(redisUrl, ms, options);
  const subject = { redis, many, read };
  const facts: Facts[] = [];
  for (const scenario of SCENARIOS) {
    let longest = await measured(subject, scenario, redisUrl);
    for (let tries = 1; longest.us > 1_000 * LIMIT_MS && tries < TRIES; tries++) {
      const again = await measured(subject, scenario, redisUrl);
      if (again.us < longest.us) longest = again;
    }
    const ms = longest.us / 1_000;
    const verdict = ms > LIMIT_MS ? TOO_LONG : '';
    const what = names.get(longest.what) ?? longest.what;
    facts.push({ scenario: scenario.title, 'slowest command': what, ms: ms.toFixed(1), '': verdict });
  }
  await redis.flushall();
  redis.disconnect();
  return facts;
}

interface Longest {
  readonly us: number;
  /** A command, or the hash of a script. */
  readonly what: string;
}

async function measured(
  about: Omit<Subject, 'streams'>,
  { prepare, act }: Scenario,
  redisUrl: string,
): Promise<Longest> {
  const { redis } = about;
  await redis.flushall();
  const app = await NestFactory.createApplicationContext(moduleOf(redisUrl, []), { logger: false });
  const subject = { ...about, streams: app.get(StreamService) };
  await prepare(subject);
  await redis.config('SET', 'slowlog-max-len', 10_000);
  await redis.call('SLOWLOG', 'RESET');
  await redis.config('SET', 'slowlog-log-slower-than', NOTED_US);
  await act(subject);
  await redis.config('SET', 'slowlog-log-slower-than', -1);
  const entries = (await redis.call('SLOWLOG', 'GET', '-1')) as [number, number, number, string[]][];
  await app.close();
  let longest: Longest = { us: 0, what: `all below ${NOTED_US / 1_000} ms` };
  for (const [, , us, [command = '', first = '']] of entries) {
    if (us > longest.us) longest = { us, what: /^evalsha$/i.test(command) ? first : command.toUpperCase() };
  }
  return longest;
}

async function readFor(redisUrl: string, ms: number, { orderBy, isFailing }: ReadOptions): Promise<void> {
  @Controller()
  class ReadingController {
    @StreamPattern(STREAM, {
      group: GROUP,
      from: 'beginning',
      concurrency: 200,
      attempts: 1,
      ...(orderBy !== undefined && { orderBy }),
    })
    read(): void {
      if (isFailing) throw new Error('as always');
    }
  }
  const app = await NestFactory.createMicroservice(moduleOf(redisUrl, [ReadingController]), {
    inject: [HydraServer],
    useFactory: (strategy: InstanceType<typeof HydraServer>) => ({ strategy }),
    logger: false,
  });
  await app.listen();
  await sleep(ms);
  await app.close();
}

/** Loads them, so that each is run by its hash; resolves with their names by it. */
async function loadScripts(redis: InstanceType<typeof Redis>): Promise<Map<string, string>> {
  const folder = new URL('../../../build/streams/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const names = new Map<string, string>();
  for (const file of files.filter((name) => /[.-]scripts\.js$/.test(name))) {
    const scripts = (await import(new URL(file, folder).href)) as Record<
      string,
      { sha?: string; name?: string; lua?: string }
    >;
    for (const { sha, name, lua } of Object.values(scripts)) {
      if (!sha || !name || !lua) continue;
      names.set(sha, name);
      await redis.script('LOAD', lua);
    }
  }
  return names;
}

function moduleOf(redisUrl: string, controllers: Type[]): Type {
  @Module({ imports: [HydraModule.forRoot({ service: GROUP, redis: redisUrl })], controllers })
  class ScriptsModule {}
  return ScriptsModule;
}
