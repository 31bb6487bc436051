import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { lostOf, startFleet, throughFault, wrongFences, type Fleet } from '../support/sentinel-fleet.js';
import { startSentinels, type TestSentinels } from '../support/sentinels.js';
import { uniqueService } from '../support/unique.js';

/** How long the old primary takes writes, and answers, after another one was made. */
const TOGETHER_MS = 3_000;
/** A process asks the Sentinels twice a second. */
const LEFT_WITHIN_MS = 1_000;
const MAX_LAG_S = 1;
/** Redis counts whole seconds, and looks each second. */
const REFUSED_WITHIN_MS = (MAX_LAG_S + 2) * 1_000;

/** Cuts the primary off from the Sentinels and the replicas, and not from its clients; it comes back as a replica. */
async function partition(sentinels: TestSentinels, promoted: () => void): Promise<void> {
  const old = await sentinels.primary();
  sentinels.wires[old]!.freeze();
  await sentinels.promotedInsteadOf(old);
  promoted();
  await sleep(TOGETHER_MS);
  sentinels.wires[old]!.thaw();
  await sentinels.isReplica(old);
}

async function allAtOnePrimary(sentinels: TestSentinels): Promise<void> {
  const primary = await sentinels.primary();
  const isSo = async () =>
    (await sentinels.connections()).every((count, node) => count > 0 === (node === primary));
  await eventually(isSo, { what: 'all connections at the new primary', timeoutMs: 20_000 });
}

/** Entries that nobody reads: of what was handled at the old primary, only what it left there is lost. */
function startKept({ sentinels, streams }: Fleet) {
  const stream = uniqueService('kept');
  const acknowledged = new Map<number, number>();
  const publish = async (n: number) => {
    await streams.publish(stream, n).then(
      () => acknowledged.set(n, performance.now()),
      () => undefined,
    );
  };
  const lost = async () => {
    const admin = sentinels.admins[await sentinels.primary()]!;
    const found = await admin.xrange(`hydra:stream:${stream}`, '-', '+');
    const stored = new Set(found.map(([, fields]) => Number(fields[fields.indexOf('data') + 1])));
    return [...acknowledged].flatMap(([n, at]) => (stored.has(n) ? [] : [at]));
  };
  return { publish, acknowledged, lost };
}

describe('a primary that is cut off from the Sentinels and its replicas, and not from its clients', () => {
  beforeAll(() => Logger.overrideLogger(['error']));

  it.each([
    ['takes writes until its clients are told of the promotion, and these are lost', []],
    [
      'refuses them with min-replicas-to-write',
      ['--min-replicas-to-write', '1', '--min-replicas-max-lag', String(MAX_LAG_S)],
    ],
  ])(
    '%s; no call runs twice, no fence goes back, and all goes on',
    async (title, args) => {
      const sentinels = await startSentinels({ isPartitionable: true, args });
      const fleet = await startFleet(sentinels);
      const kept = startKept(fleet);
      const begunAt = performance.now();
      let promotedAt = 0;
      const promoted = () => (promotedAt = performance.now());
      const ledger = await throughFault(fleet, () => partition(sentinels, promoted), kept.publish);
      const lost = await kept.lost();
      const unhandled = await lostOf(fleet, ledger);
      const { refused, faultAt, replicatedUntil, resumedAfterMs, calls } = ledger;
      const lastAfterMs = Math.max(0, ...lost) - faultAt;
      const promotedAfterMs = promotedAt - faultAt;
      process.stdout.write(
        `a primary cut off until ${TOGETHER_MS} ms after the promotion, ${title}: calls ${JSON.stringify(calls.outcomes)}; ` +
          `adding and publishing failed ${JSON.stringify(refused)}; acknowledged and lost: ${lost.length} of ${kept.acknowledged.size} entries, ` +
          `the last ${lastAfterMs.toFixed(0)} ms after the cut, the promotion ${promotedAfterMs.toFixed(0)} ms after it; all works ${resumedAfterMs.toFixed(0)} ms after the return\n`,
      );
      expect([...fleet.ran.calls.values()].filter((count) => count > 1)).toEqual([]);
      expect([...lost, ...unhandled.jobs, ...unhandled.entries].filter((at) => at < replicatedUntil)).toEqual(
        [],
      );
      expect(wrongFences(fleet)).toEqual([]);
      expect(lost.length).toBeGreaterThan(0);
      expect(lastAfterMs - promotedAfterMs).toBeLessThan(scaled(LEFT_WITHIN_MS, begunAt));
      if (args.length > 0) {
        expect(lastAfterMs).toBeLessThan(scaled(REFUSED_WITHIN_MS, begunAt));
        expect(Object.keys(refused)).toEqual(['REDIS_UNAVAILABLE']);
      }
      await allAtOnePrimary(sentinels);
    },
    120_000,
  );
});
