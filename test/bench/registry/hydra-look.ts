/** Hydra 1.9's look-up of a service, with its cache of 3 s emptied first, as the first call of each three seconds finds it. */
import { createRequire } from 'node:module';

import { answerCommands } from '../support/commands.js';

interface Hydra {
  init(config: object): Promise<unknown>;
  registerService(): Promise<unknown>;
  getServicePresence(name: string): Promise<readonly unknown[]>;
  readonly internalCache: { put(key: string, value: unknown, seconds: number): void };
}

const redisUrl = process.env['BENCH_REDIS_URL'] ?? '';
delete process.env['HYDRA_REDIS_URL'];
delete process.env['HYDRA_SERVICE'];
const hydra = createRequire(import.meta.url)('hydra') as Hydra;
const redis = { url: `${redisUrl}/0` };
await hydra.init({ hydra: { serviceName: 'hydra-look', serviceIP: '127.0.0.1', servicePort: 0, redis } });
await hydra.registerService();

answerCommands({
  /** Milliseconds a look-up takes. */
  async look({ times }: { times: number }): Promise<number[]> {
    const took: number[] = [];
    for (let look = 0; look < times; look++) {
      hydra.internalCache.put('checkServicePresence:hydra-look', undefined, 0);
      const startedAt = performance.now();
      const found = await hydra.getServicePresence('hydra-look');
      took.push(performance.now() - startedAt);
      if (found.length !== 1) throw new Error(`found ${found.length} instances`);
    }
    return took;
  },
});
