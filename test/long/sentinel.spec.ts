import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../support/eventually.js';
import {
  lostOf,
  startFleet,
  throughFault,
  wrongFences,
  type Fleet,
  type Ledger,
} from '../support/sentinel-fleet.js';
import { startSentinels } from '../support/sentinels.js';

/** After the promotion all has to go on within this time. */
const RESUME_MS = 5_000;

async function expectSurvived(title: string, fleet: Fleet, ledger: Ledger): Promise<void> {
  const { calls, jobs, entries, refused, resumedAfterMs, replicatedUntil, faultAt } = ledger;
  const lost = await lostOf(fleet, ledger);
  const twice = [...fleet.ran.calls.values()].filter((count) => count > 1).length;
  process.stdout.write(
    `${title}: all goes on ${resumedAfterMs.toFixed(0)} ms after the promotion; calls ${JSON.stringify(calls.outcomes)}, ${twice} ran twice; ` +
      `adding and publishing failed ${JSON.stringify(refused)}; replication lag ${Math.max(0, faultAt - replicatedUntil).toFixed(0)} ms; ` +
      `acknowledged and lost: ${lost.jobs.length} of ${jobs.size} jobs, ${lost.entries.length} of ${entries.size} entries\n`,
  );
  expect(twice).toBe(0);
  expect(resumedAfterMs).toBeLessThan(RESUME_MS);
  // Replication is asynchronous: what was acknowledged after the last of it that arrived may be gone, and nothing else.
  expect([...lost.jobs, ...lost.entries].filter((at) => at < replicatedUntil)).toEqual([]);
  expect(lost.jobs.length + lost.entries.length).toBeLessThan(0.05 * (jobs.size + entries.size));
  expect(wrongFences(fleet)).toEqual([]);
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
      const highest = Math.max(0, ...fleet.ran.fences.flat());
      const begun = fleet.ran.fences.map((own) => own.length);
      const ledger = await throughFault(fleet, async () => {
        await fault(primary);
        await sentinels.promotedInsteadOf(primary);
      });
      await expectSurvived(title, fleet, ledger);
      const since = fleet.ran.fences.flatMap((own, worker) => own.slice(begun[worker]));
      expect(Math.min(...since)).toBeGreaterThan(highest);
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
      fleet,
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
      fleet,
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
      fleet,
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
      fleet,
      await throughFault(fleet, async () => {
        sentinels.links[primary]!.freeze();
        await sleep(4_000);
        sentinels.links[primary]!.thaw();
      }),
    );
    expect(await sentinels.primary()).toBe(primary);
  }, 120_000);
});
