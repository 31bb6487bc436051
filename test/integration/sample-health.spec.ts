import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

describe('sample 05-health', () => {
  it('is ready once all its parts are, and says why while Redis is away', async () => {
    const redis = await startPrivateRedis();
    const child = startChild('sample/05-health/main.ts', { env: { HYDRA_REDIS_URL: redis.url, PORT: '0' } });
    const { url } = await child.ready;
    const probe = async (path: string) => {
      const response = await fetch(`${String(url)}${path}`);
      const { details } = (await response.json()) as { details: { hydra: { reasons?: string[] } } };
      return { status: response.status, reasons: details.hydra.reasons ?? [] };
    };
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'readiness',
      timeoutMs: 15_000,
    });
    await redis.kill9();
    const down = await eventually(
      async () => (await probe('/ready')).reasons.find((reason) => reason.startsWith('no connection')),
      { what: 'the reason' },
    );
    expect(down).toMatch(/^no connection to Redis/);
    expect((await probe('/live')).status).toBe(200);
    await redis.restart();
    await eventually(async () => (await probe('/ready')).status === 200, {
      what: 'recovery',
      timeoutMs: 15_000,
    });
    await child.kill();
  });
});
