import { fileURLToPath } from 'node:url';

import { startChild } from '../support/child.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const PROGRAM = fileURLToPath(new URL('../support/memory.process.ts', import.meta.url));
const LIMIT_MS = 300_000;

describe('the memory of calls', () => {
  it(
    'does not grow with 100,000 of them in a row, and stays under 100 MB with 10,000 in flight',
    async () => {
      const env = { REDIS_URL: await testRedisUrl(), SERVICE: uniqueService('memory') };
      const child = startChild(PROGRAM, { env, readyTimeoutMs: LIMIT_MS });
      const { leftMb, heldMb } = await child.ready;
      await child.kill();
      // A hundred bytes left by each call would be ten megabytes.
      expect(leftMb).toBeLessThan(8);
      // Caller and service together.
      expect(heldMb).toBeLessThan(100);
    },
    LIMIT_MS,
  );
});
