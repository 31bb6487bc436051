import { SentinelView, type Told } from '../../../../lib/redis/connection/sentinel-view.js';
import { ManualClock } from '../../../support/manual-clock.js';

const SENTINELS = 3;
const at = (host: string, epoch?: number): Told => ({ address: { host, port: 6379 }, epoch });

describe('who the primary is, of several Sentinels', () => {
  let clock: ManualClock;
  let view: SentinelView;
  const hear = (sentinel: string, told: Told) => view.hear(sentinel, told, SENTINELS);

  beforeEach(() => {
    clock = new ManualClock();
    view = new SentinelView(clock);
  });

  it('is what the first one says, as long as no other one knows better', () => {
    expect(hear('s1', at('a', 3))).toBe(true);
    expect(view.isOld(at('a', 3))).toBe(false);
  });

  it('is what the one with the newest epoch says, and who follows an older one has to leave', () => {
    hear('s1', at('a', 3));
    expect(hear('s2', at('b', 4))).toBe(true);
    expect(view.isOld(at('a', 3))).toBe(true);
    expect(view.isOld(at('b', 4))).toBe(false);
    expect(hear('s1', at('a', 3))).toBe(false);
  });

  it('has not changed where another name comes with the same epoch, or the same one with a later', () => {
    hear('s1', at('a', 3));
    expect(hear('s2', at('a.example', 3))).toBe(true);
    expect(view.isOld(at('a.example', 3))).toBe(false);
    hear('s2', at('a', 5));
    expect(view.isOld(at('a', 3))).toBe(false);
  });

  it('is whatever a Sentinel says that does not tell its epoch', () => {
    hear('s1', at('b', 4));
    expect(hear('s2', at('a'))).toBe(true);
    expect(view.isOld(at('a'))).toBe(false);
  });

  it('is an older one again when most of them say so for ten seconds, as after they were set up anew', async () => {
    hear('s1', at('b', 4));
    expect([hear('s1', at('a', 0)), hear('s2', at('a', 0))]).toEqual([false, false]);
    await clock.advance(10_000);
    expect(hear('s1', at('a', 0))).toBe(true);
    expect(view.isOld(at('b', 4))).toBe(true);
  });

  it('is never an older one because a few say so for long', async () => {
    hear('s2', at('b', 4));
    hear('s1', at('a', 3));
    await clock.advance(60_000);
    expect(hear('s1', at('a', 3))).toBe(false);
  });
});
