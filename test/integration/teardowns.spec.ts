import { firstValueFrom, timeout, toArray } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { environmentFor } from '../support/process-redis.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

describe("a handler's Observable whose teardown throws", () => {
  it('answers as if it did not, and the process lives on', async () => {
    const [service, redis] = [uniqueService('teardown'), await testRedis()];
    const env = { SERVICE: service, ...environmentFor(redis) };
    const child = startChild('test/support/teardown.process.ts', { env });
    await child.ready;
    const client = new HydraClient({ service, redis, timeoutMs: 3_000 });
    atEnd(() => client.close());
    let hasEnded = false;
    void child.exited.then(() => (hasEnded = true));
    for (const pattern of ['plain', 'intercepted', 'operators']) {
      const all = client.send<number[]>(pattern, 'complete').pipe(toArray());
      expect([pattern, await firstValueFrom(all)]).toEqual([pattern, [pattern === 'intercepted' ? 2 : 1]]);
      const failing = client.send<number>(pattern, 'error').pipe(toArray());
      await expect(firstValueFrom(failing)).rejects.toMatchObject({ message: 'Internal server error' });
      // The caller leaves: the teardown runs where its word arrives.
      const left = firstValueFrom(client.send<number>(pattern, 'never').pipe(timeout(100)));
      expect([pattern, await left]).toEqual([pattern, pattern === 'intercepted' ? 2 : 1]);
    }
    for (const end of ['complete', 'error'] as const) await firstValueFrom(client.emit('event', end));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect([hasEnded, hasEnded && child.output()]).toEqual([false, false]);
    expect(await firstValueFrom(client.send<string>('ping', {}))).toBe('pong');
    expect(child.output()).toMatch(/the teardown of a handler's Observable threw/);
    await child.kill();
  }, 40_000);
});
