import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const IDLE_MS = 60_000;

describe('a service with telemetry that does nothing for a minute', () => {
  it('makes no span, neither of ours nor of commands of Redis', async () => {
    const child = startChild('test/integration/telemetry-ioredis.process.ts', {
      env: { SERVICE: uniqueService('idle'), REDIS: await testRedisUrl(), IDLE_MS: String(IDLE_MS) },
    });
    await child.ready;
    const { idle, spans } = await eventually(() => child.lines.find((line) => 'idle' in line), {
      what: 'the minute',
      timeoutMs: 2 * IDLE_MS,
    });
    expect({ idle, spans }).toEqual({ idle: {}, spans: 0 });
  }, 180_000);
});
