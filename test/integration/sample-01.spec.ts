import { fileURLToPath } from 'node:url';

import { startChild } from '../support/child.js';
import { startPrivateRedis } from '../support/redis.js';

const sample = (file: string) =>
  fileURLToPath(new URL(`../../sample/01-request-reply/${file}`, import.meta.url));

describe('sample 01', () => {
  it('adds up over HTTP, shows who is alive, and ends by itself', async () => {
    // Its services have fixed names: a Redis of its own keeps it apart.
    const redis = await startPrivateRedis();
    const env = { HYDRA_REDIS_URL: redis.url, PORT: '0' };
    const math = startChild(sample('math.main.ts'), { env });
    const { instance } = await math.ready;
    const gateway = startChild(sample('gateway.main.ts'), { env });
    const { url } = await gateway.ready;

    const sum = await fetch(`${url as string}/sum?n=1,2,3`);
    expect(await sum.json()).toEqual({ sum: 6, instance });
    const instances = await fetch(`${url as string}/instances`);
    expect(await instances.json()).toMatchObject([{ id: instance, service: 'math' }]);

    for (const part of [gateway, math]) {
      await part.kill('SIGTERM');
      expect(await part.exited).toEqual({ code: null, signal: 'SIGTERM' });
      // A process without hooks ends by the signal as well.
      expect(part.output()).toContain('drains: it takes no more work');
    }
  }, 120_000);
});
