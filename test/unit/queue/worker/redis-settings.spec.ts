import { settingsProblems } from '../../../../lib/queue/worker/redis-settings.js';

describe('the settings of Redis', () => {
  it.each([
    ['maxmemory_policy:noeviction\r\n\naof_enabled:1\r\n', 0],
    ['maxmemory_policy:allkeys-lru\r\n\naof_enabled:1\r\n', 1],
    ['maxmemory_policy:volatile-ttl\r\n\naof_enabled:0\r\n', 2],
    ['', 0],
  ])('%j have %i problems', (info, count) => {
    expect(settingsProblems(info)).toHaveLength(count);
  });
});
