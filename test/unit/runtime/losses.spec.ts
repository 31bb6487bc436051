import { Losses } from '../../../lib/runtime/losses.js';

describe('the losses of a connection', () => {
  it('are a warning when there were more than three in ten minutes, and no longer', () => {
    const now = { ms: 0 };
    const losses = new Losses({ monotonic: () => now.ms });
    for (let n = 0; n < 4; n++) {
      expect(losses.warning).toBeUndefined();
      losses.add();
      now.ms += 60_000;
    }
    expect(losses.warning).toBe('lost Redis 4 times in ten minutes');
    now.ms += 361_000;
    expect(losses.warning).toBeUndefined();
    expect(losses.count).toBe(4);
  });
});
