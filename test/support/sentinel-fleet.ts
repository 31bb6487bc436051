import { Controller, type Type } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  HydraClient,
  HydraJobContext,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  type HydraOptions,
} from '../../lib/index.js';
import { startService } from './app.js';
import { atEnd } from './at-end.js';
import { eventually } from './eventually.js';
import { load, type LoadResult } from './load.js';
import type { TestSentinels } from './sentinels.js';
import { uniqueService } from './unique.js';

const PING_MS = 500;
const MARK = 'how-far-replication-came';
const MARK_EVERY_MS = 10;

/** What ran, and the fences of the jobs in the order in which each of two workers began them. */
export interface Ran {
  readonly calls: Map<number, number>;
  readonly jobs: Set<number>;
  readonly entries: Set<number>;
  readonly fences: readonly [number[], number[]];
}

export interface Fleet {
  readonly sentinels: TestSentinels;
  readonly client: HydraClient;
  readonly queue: QueueService;
  readonly streams: StreamService;
  readonly ran: Ran;
}

function workerOf({ calls, jobs, entries }: Ran, fences: number[]): Type {
  @Controller()
  class Worker {
    @MessagePattern('call')
    call(n: number): number {
      calls.set(n, (calls.get(n) ?? 0) + 1);
      return n;
    }

    @QueuePattern('job')
    job(@Payload() n: number, @Ctx() context: HydraJobContext): void {
      jobs.add(n);
      fences.push(context.fence);
    }

    @StreamPattern('sentinel-entries')
    entry(n: number): void {
      entries.add(n);
    }
  }
  return Worker;
}

/** Two instances that do everything, and a client of theirs. */
export async function startFleet(sentinels: TestSentinels): Promise<Fleet> {
  const { location, tls } = sentinels;
  const options: HydraOptions = {
    service: uniqueService('sentinel'),
    redis: location,
    ...(tls && { tls }),
    timeoutMs: 4_000,
    connection: { pingIntervalMs: PING_MS },
  };
  const ran: Ran = { calls: new Map(), jobs: new Set(), entries: new Set(), fences: [[], []] };
  const [first] = await Promise.all(
    ran.fences.map((fences) => startService(options, [workerOf(ran, fences)])),
  );
  const client = new HydraClient(options);
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 10_000 });
  const { app } = first!;
  return { sentinels, client, queue: app.get(QueueService), streams: app.get(StreamService), ran };
}

/** What was acknowledged, and when (of `performance.now()`). */
export interface Ledger {
  readonly calls: LoadResult;
  readonly jobs: ReadonlyMap<number, number>;
  readonly entries: ReadonlyMap<number, number>;
  /** How adding and publishing failed, by code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly faultAt: number;
  readonly resumedAfterMs: number;
  /** Whatever was acknowledged before this is on the primary of now: it came before a mark that is there. */
  readonly replicatedUntil: number;
}

let numbers = 0;

/**
 * Calls, jobs and entries from before a fault until all of it goes on again.
 *
 * @param more is done beside each of them; it never rejects
 */
export async function throughFault(
  fleet: Fleet,
  fault: () => Promise<void>,
  more: (n: number) => Promise<void> = async () => undefined,
): Promise<Ledger> {
  const { client, queue, streams } = fleet;
  const [jobs, entries] = [new Map<number, number>(), new Map<number, number>()];
  const refused: Record<string, number> = {};
  const note = ({ code = 'no code' }: { readonly code?: string }) => {
    refused[code] = (refused[code] ?? 0) + 1;
  };
  const marks = await startMarks(fleet.sentinels);
  let [resumedAfterMs, faultAt, replicatedUntil] = [0, 0, 0];
  const recovery = (async () => {
    await sleep(1_000);
    faultAt = performance.now();
    await fault();
    const promotedAt = performance.now();
    replicatedUntil = await marks.end();
    await goesOn(fleet);
    resumedAfterMs = performance.now() - promotedAt;
    await sleep(500);
  })();
  const make = async () => {
    const n = ++numbers;
    const add = queue.add('job', n).then(() => jobs.set(n, performance.now()), note);
    const publish = streams
      .publish('sentinel-entries', n)
      .then(() => entries.set(n, performance.now()), note);
    await Promise.all([add, publish, more(n)]);
    await firstValueFrom(client.send('call', n));
  };
  const calls = await load(make, 100, recovery);
  return { calls, jobs, entries, refused, faultAt, resumedAfterMs, replicatedUntil };
}

/** Resolves when a call, a job and an entry work again, and were handled. */
async function goesOn({ client, queue, streams, ran }: Fleet): Promise<void> {
  const works = async () => {
    const n = ++numbers;
    await firstValueFrom(client.send('call', n));
    await queue.add('job', n);
    await streams.publish('sentinel-entries', n);
    return n;
  };
  let last = 0;
  const isDone = async () => (last = await works().catch(() => 0)) > 0;
  await eventually(isDone, { what: 'all to go on', timeoutMs: 30_000 });
  await eventually(() => ran.jobs.has(last) && ran.entries.has(last), {
    what: 'the readers',
    timeoutMs: 30_000,
  });
}

/** Writes the time to the primary again and again; `end` tells the last time that the primary of then has. */
async function startMarks(sentinels: TestSentinels) {
  const { admins } = sentinels;
  const node = await sentinels.primary();
  const mark = () => void admins[node]!.set(MARK, performance.now()).catch(() => undefined);
  mark();
  const timer = setInterval(mark, MARK_EVERY_MS);
  const end = async () => {
    clearInterval(timer);
    return Number(await admins[await sentinels.primary()]!.get(MARK));
  };
  return { end };
}

/** What was acknowledged and is nowhere: the instants at which it was. */
export async function lostOf(
  { ran }: Fleet,
  { jobs, entries }: Ledger,
): Promise<{ readonly jobs: readonly number[]; readonly entries: readonly number[] }> {
  const missing = () => ({
    jobs: [...jobs].flatMap(([n, at]) => (ran.jobs.has(n) ? [] : [at])),
    entries: [...entries].flatMap(([n, at]) => (ran.entries.has(n) ? [] : [at])),
  });
  const isAll = () => missing().jobs.length + missing().entries.length === 0;
  // What the new primary has is handled; what it never got is lost with the old one.
  await eventually(isAll, { what: 'all jobs and entries', timeoutMs: 5_000 }).catch(() => undefined);
  return missing();
}

/** What went wrong with the fences: each worker is given ever higher ones, and no two jobs the same. */
export function wrongFences({ ran: { fences } }: Fleet): string[] {
  const all = fences.flat();
  const falling = fences.flatMap((own, worker) =>
    own.flatMap((fence, at) =>
      at > 0 && fence <= own[at - 1]! ? [`worker ${worker}: ${fence} after ${own[at - 1]}`] : [],
    ),
  );
  const seen = new Set<number>();
  const twice = all.filter((fence) => seen.has(fence) || !seen.add(fence));
  return [...falling, ...twice.map((fence) => `${fence} twice`)];
}
