import { Controller, Logger } from '@nestjs/common';
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
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load, type LoadResult } from '../support/load.js';
import { startSentinels, type TestSentinels } from '../support/sentinels.js';
import { uniqueService } from '../support/unique.js';

/** After the promotion all has to go on within this time. */
const RESUME_MS = 5_000;
const PING_MS = 500;

const ran = { calls: new Map<number, number>(), jobs: new Set<number>(), entries: new Set<number>() };
let lastFence = 0;

@Controller()
class Worker {
  @MessagePattern('call')
  call(n: number): number {
    ran.calls.set(n, (ran.calls.get(n) ?? 0) + 1);
    return n;
  }

  @QueuePattern('job')
  job(@Payload() n: number, @Ctx() context: HydraJobContext): void {
    ran.jobs.add(n);
    lastFence = Math.max(lastFence, context.fence);
  }

  @StreamPattern('sentinel-entries')
  entry(n: number): void {
    ran.entries.add(n);
  }
}

interface Fleet {
  readonly client: HydraClient;
  readonly queue: QueueService;
  readonly streams: StreamService;
}

async function startFleet({ location, tls }: TestSentinels): Promise<Fleet> {
  const options: HydraOptions = {
    service: uniqueService('sentinel'),
    redis: location,
    ...(tls && { tls }),
    timeoutMs: 4_000,
    connection: { pingIntervalMs: PING_MS },
  };
  const [first] = await Promise.all([startService(options, [Worker]), startService(options, [Worker])]);
  const client = new HydraClient(options);
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 10_000 });
  return { client, queue: first.app.get(QueueService), streams: first.app.get(StreamService) };
}

interface Ledger {
  readonly calls: LoadResult;
  readonly jobs: Set<number>;
  readonly entries: Set<number>;
  readonly resumedAfterMs: number;
}

let numbers = 0;

/** Calls, jobs and entries from before a fault until all of it goes on again, and what was acknowledged. */
async function throughFault(fleet: Fleet, fault: () => Promise<void>): Promise<Ledger> {
  const { client, queue, streams } = fleet;
  const [jobs, entries] = [new Set<number>(), new Set<number>()];
  let resumedAfterMs = 0;
  const recovery = (async () => {
    await sleep(1_000);
    await fault();
    const promotedAt = performance.now();
    const works = async () => {
      const n = ++numbers;
      await firstValueFrom(client.send('call', n));
      await queue.add('job', n);
      await streams.publish('sentinel-entries', n);
      return n;
    };
    let last = 0;
    await eventually(async () => (last = await works().catch(() => 0)) > 0, {
      what: 'all to go on',
      timeoutMs: 30_000,
    });
    await eventually(() => ran.jobs.has(last) && ran.entries.has(last), {
      what: 'the readers',
      timeoutMs: 30_000,
    });
    resumedAfterMs = performance.now() - promotedAt;
    await sleep(500);
  })();
  const make = async () => {
    const n = ++numbers;
    const add = queue.add('job', n).then(() => jobs.add(n));
    const publish = streams.publish('sentinel-entries', n).then(() => entries.add(n));
    await Promise.allSettled([add, publish]);
    await firstValueFrom(client.send('call', n));
  };
  const calls = await load(make, 100, recovery);
  return { calls, jobs, entries, resumedAfterMs };
}

async function expectSurvived(
  title: string,
  { calls, jobs, entries, resumedAfterMs }: Ledger,
): Promise<void> {
  // What the new primary has is handled; what it never got is lost with the old one.
  const missing = () => [
    [...jobs].filter((n) => !ran.jobs.has(n)).length,
    [...entries].filter((n) => !ran.entries.has(n)).length,
  ];
  await eventually(() => missing().every((count) => count === 0), {
    what: 'all jobs',
    timeoutMs: 5_000,
  }).catch(() => undefined);
  const [lostJobs = 0, lostEntries = 0] = missing();
  const twice = [...ran.calls.values()].filter((count) => count > 1).length;
  process.stdout.write(
    `${title}: all goes on ${resumedAfterMs.toFixed(0)} ms after the promotion; calls ${JSON.stringify(calls.outcomes)}, ${twice} ran twice; ` +
      `acknowledged and lost: ${lostJobs} of ${jobs.size} jobs, ${lostEntries} of ${entries.size} entries\n`,
  );
  expect(twice).toBe(0);
  expect(resumedAfterMs).toBeLessThan(RESUME_MS);
  // Replication is asynchronous: what was acknowledged in its last moments may be gone.
  expect(lostJobs + lostEntries).toBeLessThan(0.05 * (jobs.size + entries.size));
}

describe('behind three Sentinels', () => {
  beforeAll(() => Logger.overrideLogger(['error']));

  it('a process follows the primary through a kill, a stop, a return and a planned failover, with all its connections', async () => {
    const sentinels = await startSentinels();
    const fleet = await startFleet(sentinels);
    const before = await sentinels.connections();
    expect(before.filter((count) => count > 0)).toHaveLength(1);
    const total = Math.max(...before);
    const allAt = async (node: number) => {
      const counts = await sentinels.connections();
      return counts.every((count, index) => (index === node ? count >= total : count === 0));
    };
    const faults: Record<string, (primary: number) => Promise<void>> = {
      'killed with SIGKILL': (primary) => sentinels.nodes[primary]!.kill9(),
      'a planned failover': () => sentinels.failOver(),
      'stopped with SIGSTOP': (primary) => sentinels.nodes[primary]!.pause(),
    };
    for (const [title, fault] of Object.entries(faults)) {
      const primary = await sentinels.primary();
      const fenceBefore = lastFence;
      const ledger = await throughFault(fleet, async () => {
        await fault(primary);
        await sentinels.promotedInsteadOf(primary);
      });
      await expectSurvived(title, ledger);
      expect(lastFence).toBeGreaterThan(fenceBefore);
      // Back again, it believes to be the primary for a moment, and is then made a replica.
      if (title.startsWith('killed')) await sentinels.nodes[primary]!.restart();
      if (title.startsWith('stopped')) await sentinels.nodes[primary]!.resume();
      await sentinels.isReplica(primary);
      const now = await sentinels.primary();
      await eventually(() => allAt(now), {
        what: `all connections at the new primary after: ${title}`,
        timeoutMs: 15_000,
      });
    }
    const primary = await sentinels.primary();
    await sentinels.stopSentinel(0);
    await expectSurvived(
      'killed, with one Sentinel of three away',
      await throughFault(fleet, async () => {
        await sentinels.nodes[primary]!.kill9();
        await sentinels.promotedInsteadOf(primary);
      }),
    );
  }, 240_000);

  it('passwords of Redis and of the Sentinels, and mapped addresses, are used for every connection', async () => {
    const sentinels = await startSentinels({
      password: 'of-redis',
      sentinelPassword: 'of-sentinels',
      isMapped: true,
    });
    const fleet = await startFleet(sentinels);
    const primary = await sentinels.primary();
    await expectSurvived(
      'with passwords, through proxies',
      await throughFault(fleet, async () => {
        await sentinels.nodes[primary]!.kill9();
        await sentinels.promotedInsteadOf(primary);
      }),
    );
  }, 120_000);

  it('TLS is spoken to the Sentinels, to the primary and to the one that takes its place', async () => {
    const sentinels = await startSentinels({ isTls: true });
    const fleet = await startFleet(sentinels);
    const primary = await sentinels.primary();
    await expectSurvived(
      'over TLS',
      await throughFault(fleet, async () => {
        await sentinels.nodes[primary]!.kill9();
        await sentinels.promotedInsteadOf(primary);
      }),
    );
  }, 120_000);

  it('a link to the primary that is cut, which the Sentinels do not see, is waited for', async () => {
    const sentinels = await startSentinels({ isMapped: true });
    const fleet = await startFleet(sentinels);
    const primary = await sentinels.primary();
    await expectSurvived(
      'a frozen link',
      await throughFault(fleet, async () => {
        sentinels.links[primary]!.freeze();
        await sleep(4_000);
        sentinels.links[primary]!.thaw();
      }),
    );
    expect(await sentinels.primary()).toBe(primary);
  }, 120_000);
});
