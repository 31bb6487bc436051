import { readFile } from 'node:fs/promises';

import { parse } from 'yaml';

import { startChild } from '../support/child.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

describe('the sample of a live configuration', () => {
  it('quotes with the configuration of the moment, and refuses a bad one', async () => {
    const { url: redis } = await startPrivateRedis();
    const env = { HYDRA_REDIS_URL: redis, PORT: '0', PAYMENT_API_KEY: 'k' };
    const child = startChild('sample/04-live-config/pricing.main.ts', { env, readyTimeoutMs: 60_000 });
    const { url } = await child.ready;
    const get = async (path: string) => (await fetch(`${String(url)}${path}`)).json() as Promise<object>;
    expect(await get('/quote?list=200')).toEqual({ price: 200, currency: 'EUR', revision: 0 });

    const { store, instance } = await openStore('pricing', {}, { redis });
    const stored = parse(await readFile('sample/04-live-config/pricing.yaml', 'utf8')) as object;
    await store.put('1.0.0', stored);
    const discounted = { price: 180, currency: 'EUR', revision: 1 };
    await eventually(async () => expect(await get('/quote?list=200')).toEqual(discounted) ?? true, {
      what: 'the discount',
    });

    const bad = JSON.stringify({ pricing: { discount: 99 } });
    await instance.redis.commands.hset('hydra:service:pricing:configs', '1.0.0', bad);
    await eventually(async () => 'problem' in (await get('/status')), { what: 'the refusal' });
    expect(await get('/quote?list=200')).toEqual(discounted);
  }, 90_000);
});
