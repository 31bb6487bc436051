import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient } from '../../lib/index.js';
import { codesOf, startCallLoad } from '../support/call-load.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { allThatRan, startWorkers } from '../support/workers.js';

describe('a rolling restart by SIGTERM under load', () => {
  it('fails no call, and every old process ends by itself', async () => {
    const service = uniqueService('work');
    const redis = await testRedisUrl();
    const old = await startWorkers(service, redis, 3);
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 3, { what: 'three instances' });

    const load = startCallLoad(client, { perSecond: 500, takesMs: 20 });
    await sleep(300);
    const successors = [];
    for (const worker of old) {
      successors.push(...(await startWorkers(service, redis, 1)));
      await worker.kill('SIGTERM');
    }
    await sleep(300);
    const outcomes = await load.stop();

    expect(codesOf(outcomes)).toEqual([]);
    expect(outcomes).toHaveLength(load.sent());
    expect(await allThatRan([...old, ...successors], outcomes)).toEqual(
      Array.from({ length: load.sent() }, (_, n) => n + 1),
    );
    // Nest ends the process with the signal it was sent; no kill was needed.
    for (const worker of old) expect(await worker.exited).toEqual({ code: null, signal: 'SIGTERM' });
    for (const worker of successors) expect(worker.ran().length).toBeGreaterThan(0);
  }, 180_000);
});
