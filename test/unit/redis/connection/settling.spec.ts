import type { Heard } from '../../../../lib/redis/connection/hearing.js';
import { Settling, type SettlingParts } from '../../../../lib/redis/connection/settling.js';
import { ManualClock } from '../../../support/manual-clock.js';

const EVERY_MS = 1_000;

/** Settled already; each further test of hearing ends as it is told. */
async function settledProcess() {
  const clock = new ManualClock();
  const tests: ((heard: Heard) => void)[] = [];
  const proven: number[] = [];
  let isFirst = true;
  const prove = () => {
    if (!isFirst) return new Promise<Heard>((resolve) => tests.push(resolve));
    isFirst = false;
    return Promise.resolve<Heard>('heard');
  };
  const parts = {
    clock,
    everyMs: EVERY_MS,
    links: { leader: { generation: 1 }, isAdmitted: () => true },
    listener: { generation: 1, proven: (sentAt: number) => proven.push(sentAt) },
    subscriptions: {
      isRestored: true,
      refusals: [],
      refusalOf: () => undefined,
      retryRefused: () => Promise.resolve(),
    },
    hearing: { channel: 'own', takeHeard: () => false, prove },
  };
  const listener = { settled() {}, unsettled() {}, failed() {}, refused() {} };
  const settling = new Settling(parts as unknown as SettlingParts, listener);
  settling.start();
  settling.changed();
  await clock.advance(EVERY_MS);
  return { clock, tests, proven, settling };
}

describe('a test of hearing that takes the place of a PING', () => {
  it('proves the connection of the subscriptions once it is heard, from when it began', async () => {
    const { clock, tests, proven, settling } = await settledProcess();
    const beganAt = EVERY_MS * 0.95;
    expect([tests.length, proven]).toEqual([1, []]);
    tests[0]!('heard');
    await clock.advance(1);
    expect(proven).toEqual([beganAt]);
    settling.stop();
  });

  it('proves nothing where its PUBLISH hangs, or does not become known', async () => {
    const { clock, tests, proven, settling } = await settledProcess();
    await clock.advance(3 * EVERY_MS);
    expect([tests.length, proven]).toEqual([1, []]);
    tests[0]!('unknown');
    await clock.advance(1);
    expect(proven).toEqual([]);
    settling.stop();
  });
});
