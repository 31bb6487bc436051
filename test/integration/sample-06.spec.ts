import { startChild } from '../support/child.js';
import { startPrivateRedis } from '../support/redis.js';

describe('sample 06', () => {
  it('draws one trace from HTTP through call, job and stream, without a collector', async () => {
    const { url } = await startPrivateRedis();
    const sample = startChild('sample/06-tracing/main.ts', { env: { HYDRA_REDIS_URL: url } });
    // It ends by itself, and says nothing before that to whoever started it.
    sample.ready.catch(() => undefined);
    const end = await sample.exited;
    const picture = sample.output();
    expect({ end, picture }).toMatchObject({ end: { code: 0, signal: null } });
    const spans = [...picture.matchAll(/^( *\w+ [^ ]+(?: [^ ]+)?) +[\d.]+ ms/gm)].map(([, span]) =>
      span!.trimEnd(),
    );
    expect(spans).toEqual([
      'server POST /orders',
      '  client prices/price',
      '    server prices/price',
      '      producer add invoices',
      '        consumer process invoices',
      '          producer publish sales',
      '            consumer process sales',
    ]);
  }, 120_000);
});
