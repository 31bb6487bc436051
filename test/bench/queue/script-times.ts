import 'reflect-metadata';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { HydraModule, HydraServer, QueuePattern, QueueService } from '../support/hydra.js';
import { Redis } from '../support/ioredis.js';
import { TOO_LONG, type Facts } from '../support/report.js';

const SERVICE = 'bench-scripts';
const ROOT = `hydra:service:${SERVICE}`;
const OWN = `${ROOT}:queue:default`;
/** What Redis notes down, in microseconds. */
const NOTED_US = 200;
const FILL = 5_000;
/** The system may stop Redis in the middle of a command: a scenario is repeated so often until one stays within the limit. */
const TRIES = 5;

/** What one command of Redis may take, in milliseconds: so long all others wait. */
export const LIMIT_MS = 10;

@Controller()
class WorkController {
  @QueuePattern('work', { concurrency: 100 })
  work(): string {
    return 'done';
  }
}

interface Subject {
  readonly redis: InstanceType<typeof Redis>;
  readonly queue: InstanceType<typeof QueueService>;
  /** A million; fewer where it is to be quick. */
  readonly many: number;
  readonly startWorker: () => Promise<{ close(): Promise<unknown> }>;
}

interface Scenario {
  readonly title: string;
  readonly prepare: (subject: Subject) => Promise<void>;
  readonly act: (subject: Subject) => Promise<void>;
}

const jobText = (id: string, pattern = 'work') =>
  `{"to":"${SERVICE}:/","frm":"bench@${SERVICE}:/","mid":"${id}","ts":"2026-11-01T00:00:00.000Z","typ":"${pattern}","ver":"UMF/1.4.6","bdy":{"n":1}}`;

const padding = 'x'.repeat(20_000);
const deadText = (id: string) =>
  `{"to":"${SERVICE}:/","hdr":{"hydraDead":{"reason":"as always","diedOn":"${new Date().toISOString()}","attempts":3,"history":[]}},` +
  `"mid":"${id}","ts":"2026-11-01T00:00:00.000Z","typ":"work","bdy":{"pad":"${padding}"}}`;

async function inParts(count: number, part: number, push: (from: number, to: number) => Promise<unknown>) {
  for (let from = 0; from < count; from += part) await push(from, Math.min(count, from + part));
}

const texts = (from: number, to: number, pattern?: string) =>
  Array.from({ length: to - from }, (_, n) => jobText(`job-${from + n}`, pattern));

const fillList = ({ redis }: Subject, key: string, count: number, pattern?: string) =>
  inParts(count, FILL, (from, to) => redis.lpush(key, ...texts(from, to, pattern)));

const fillDead = ({ redis }: Subject, count: number) =>
  inParts(count, 100, (from, to) =>
    redis.rpush(
      `${ROOT}:mqincomplete`,
      ...Array.from({ length: to - from }, (_, n) => deadText(`dead-${from + n}`)),
    ),
  );

async function whileWorking({ startWorker }: Subject, ms: number): Promise<void> {
  const worker = await startWorker();
  await sleep(ms);
  await worker.close();
}

const settled = (promise: Promise<unknown>) => promise.catch(() => undefined);

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'a worker takes jobs, a million wait',
    prepare: (subject) => fillList(subject, `${ROOT}:mqrecieved`, subject.many),
    act: (subject) => whileWorking(subject, 3_000),
  },
  {
    title: 'a worker sets aside what others handle, a million wait',
    prepare: async (subject) => {
      await fillList(subject, `${ROOT}:mqrecieved`, subject.many, 'other');
      await subject.redis.zadd(`${OWN}:patterns`, Date.now() + 600_000, 'other');
    },
    act: (subject) => whileWorking(subject, 3_000),
  },
  {
    title: 'a million are delayed, and due',
    prepare: ({ redis, many }) =>
      inParts(many, FILL, (from, to) =>
        redis.zadd(`${OWN}:delayed`, ...texts(from, to).flatMap((text) => [1, text])),
      ),
    act: (subject) => whileWorking(subject, 3_000),
  },
  {
    title: 'add with an id, a million ids lapsed',
    prepare: ({ redis, many }) =>
      inParts(many, FILL, (from, to) =>
        redis.zadd(
          `${OWN}:ids`,
          ...Array.from({ length: to - from }, (_, n) => [1, `id-${from + n}`]).flat(),
        ),
      ),
    act: async (subject) => {
      await Promise.all(
        Array.from({ length: 200 }, (_, n) => subject.queue.add('work', n, { id: `new-${n}` })),
      );
      // The upkeep of a worker comes every ten seconds.
      await whileWorking(subject, 14_000);
    },
  },
  {
    title:
      'one of a million that wait is looked up, cancelled and removed, the others found, counted and drained',
    prepare: async (subject) => {
      const half = Math.floor(subject.many / 2);
      await fillList(subject, `${ROOT}:mqrecieved`, half);
      await subject.queue.addBulk(
        Array.from({ length: 10 }, (_, n) => ({ pattern: 'work', data: n, id: `middle-${n}` })),
      );
      await fillList(subject, `${ROOT}:mqrecieved`, half);
    },
    act: async ({ queue }) => {
      await queue.get('middle-1');
      await queue.cancel('middle-2');
      await queue.remove('middle-3');
      await queue.find('waiting', { text: 'middle-4', lookAt: 200_000 });
      await queue.counts();
      await queue.drain();
    },
  },
  {
    title: 'a million jobs of a priority wait, and a worker takes some',
    prepare: async (subject) => {
      await fillList(subject, `${OWN}:aside:work:rank2`, subject.many);
      await subject.redis.zadd(`${OWN}:ranked`, -2, '2:work');
    },
    act: (subject) => whileWorking(subject, 3_000),
  },
  {
    title: '40 workers with 500 jobs each died together',
    prepare: async ({ redis }) => {
      for (let worker = 0; worker < 40; worker++) {
        await redis.zadd(`${OWN}:owners`, 1, `dead-${worker}`);
        const leases = texts(worker * 500, worker * 500 + 500).flatMap((text, n) => [
          `${worker * 500 + n + 1}-1`,
          text,
        ]);
        await redis.hset(`${OWN}:leases:dead-${worker}`, ...leases);
      }
      await redis.set(`${OWN}:watch`, `1 ${Date.now() + 500}`);
    },
    act: (subject) => whileWorking(subject, 8_000),
  },
  {
    title: '100,000 are left with Hydra 1.x workers',
    prepare: async (subject) => {
      await fillList(subject, `${ROOT}:mqinprogress`, 100_000);
      await inParts(10_000, FILL, (from, to) =>
        subject.redis.lpush(
          `${ROOT}:mqrecieved`,
          ...Array.from({ length: to - from }, (_, n) => jobText(`new-${from + n}`)),
        ),
      );
    },
    act: async (subject) => {
      await whileWorking(subject, 3_000);
      await subject.queue.get('job-50000');
      await subject.queue.release('job-50000');
    },
  },
  {
    title: 'results awaited, 10,000 dead letters of 20 kB',
    prepare: (subject) => fillDead(subject, 10_000),
    act: async ({ queue }) => {
      await queue.pause();
      const jobs = await Promise.all([1, 2, 3, 4].map((n) => queue.add('work', n)));
      await Promise.all(jobs.map((job) => settled(job.result({ timeoutMs: 9_000 }))));
    },
  },
  {
    title: 'redrive of one, then all, 10,000 dead letters of 20 kB',
    prepare: (subject) => fillDead(subject, 10_000),
    act: async ({ queue }) => {
      await queue.redrive('dead-5000');
      await queue.redrive('all', { dryRun: true });
      await queue.redrive('all');
    },
  },
  {
    title: 'counts, list, get, a million wait',
    prepare: (subject) => fillList(subject, `${ROOT}:mqrecieved`, subject.many),
    act: async ({ queue, many }) => {
      await queue.counts();
      await queue.list('waiting', { offset: many / 2, limit: 2_000 });
      await queue.get(`job-${many / 2}`);
      await queue.get('nobody');
    },
  },
  {
    title: 'remove from the middle, a million wait',
    prepare: (subject) => fillList(subject, `${ROOT}:mqrecieved`, subject.many),
    act: async ({ queue, many }) => {
      await queue.remove(`job-${many / 2}`);
      await queue.remove(`job-${many / 2 + 1}`);
    },
  },
  {
    title: 'list and remove, a million are delayed',
    prepare: ({ redis, many }) =>
      inParts(many, FILL, (from, to) =>
        redis.zadd(`${OWN}:delayed`, ...texts(from, to).flatMap((text) => [Date.now() + 9e9, text])),
      ),
    act: async ({ queue, many }) => {
      await queue.list('delayed', { offset: many / 2, limit: 20_000 });
      await queue.remove(`job-${many / 2}`);
    },
  },
];

/** What takes Redis longest in each scenario: one row each. */
export async function scriptTimes(redisUrl: string, isQuick: boolean): Promise<Facts[]> {
  const redis = new Redis(redisUrl);
  const names = await scriptNames();
  const many = isQuick ? 100_000 : 1_000_000;
  const startWorker = async () => {
    const app = await NestFactory.createMicroservice(moduleOf(redisUrl, [WorkController]), {
      inject: [HydraServer],
      useFactory: (strategy: InstanceType<typeof HydraServer>) => ({ strategy }),
      logger: false,
    });
    await app.listen();
    return app;
  };
  const facts: Facts[] = [];
  for (const { title, prepare, act } of SCENARIOS) {
    let longest = { us: Infinity, what: '' };
    for (let tries = 0; tries < TRIES && longest.us > 1_000 * LIMIT_MS; tries++) {
      await redis.flushall();
      const app = await NestFactory.createApplicationContext(moduleOf(redisUrl, []), { logger: false });
      const subject = { redis, queue: app.get(QueueService), many, startWorker };
      await prepare(subject);
      await redis.config('SET', 'slowlog-log-slower-than', NOTED_US);
      await redis.config('SET', 'slowlog-max-len', 100_000);
      await redis.call('SLOWLOG', 'RESET');
      await act(subject);
      const found = await slowest(redis, names);
      if (found.us < longest.us) longest = found;
      await app.close();
    }
    const ms = longest.us / 1_000;
    const verdict = ms > LIMIT_MS ? TOO_LONG : '';
    facts.push({ scenario: title, 'slowest command': longest.what, ms: ms.toFixed(1), '': verdict });
  }
  await redis.flushall();
  redis.disconnect();
  return facts;
}

async function slowest(redis: InstanceType<typeof Redis>, names: ReadonlyMap<string, string>) {
  const entries = (await redis.call('SLOWLOG', 'GET', '-1')) as [number, number, number, string[]][];
  let longest = { us: 0, what: `all below ${NOTED_US / 1_000} ms` };
  for (const [, , us, [command = '', first = '']] of entries) {
    const name = names.get(first) ?? command.toUpperCase();
    if (us > longest.us) longest = { us, what: name };
  }
  return longest;
}

/** By their hash, as Redis knows them. */
async function scriptNames(): Promise<Map<string, string>> {
  const folder = new URL('../../../build/queue/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /[.-]scripts\.js$/.test(file),
  );
  const names = new Map<string, string>();
  for (const file of files) {
    const exported = (await import(new URL(file, folder).href)) as Record<
      string,
      { sha?: string; name?: string }
    >;
    for (const { sha, name } of Object.values(exported)) if (sha && name) names.set(sha, name);
  }
  return names;
}

function moduleOf(redisUrl: string, controllers: Type[]): Type {
  @Module({ imports: [HydraModule.forRoot({ service: SERVICE, redis: redisUrl })], controllers })
  class ScriptsModule {}
  return ScriptsModule;
}
