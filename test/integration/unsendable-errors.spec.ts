import { Redis } from 'ioredis';
import { throwError } from 'rxjs';

import { HydraServer } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const HANDLERS: Record<string, () => unknown> = {
  bigint: () => throwError(() => ({ status: 'error', id: 10n })),
  error: () => throwError(() => new Error('out of paper')),
  large: () => throwError(() => ({ status: 'error', message: 'x'.repeat(5_000) })),
  getter: () =>
    throwError(() => ({
      get status() {
        throw new Error('odd');
      },
    })),
  falsy: () => throwError(() => 0),
  largeValue: () => 'x'.repeat(5_000),
  bigValue: () => ({ id: 10n }),
  fine: () => ({ fine: true }),
};

describe('a Hydra 1.x caller', () => {
  const service = uniqueService('umf');
  const replies = new Map<unknown, { typ: string; bdy: unknown }>();
  let redis: Redis;
  let instance: HydraInstance;

  beforeAll(async () => {
    const url = await testRedisUrl();
    instance = await listen(service, url);
    redis = new Redis(url);
    const subscriber = new Redis(url);
    atEnd(async () => {
      redis.disconnect();
      subscriber.disconnect();
    });
    subscriber.on('message', (_channel, wire) => {
      const reply = JSON.parse(wire) as { rmid: string; typ: string; bdy: unknown };
      replies.set(reply.rmid, reply);
    });
    await subscriber.subscribe(`hydra:service:mc:${service}-caller:aaaa`);
  });

  const ask = async (pattern: string) => {
    const message = {
      to: `${service}:/`,
      frm: `aaaa@${service}-caller:/`,
      mid: pattern,
      typ: pattern,
      bdy: {},
    };
    await redis.publish(`hydra:service:mc:${service}`, JSON.stringify(message));
    return eventually(() => replies.get(pattern), { what: `the answer to ${pattern}` });
  };

  it.each([
    ['is not JSON data', 'bigint', { message: 'the error itself is not JSON data' }],
    ['is an Error', 'error', { message: 'out of paper' }],
    ['is too large', 'large', { code: 'PAYLOAD_TOO_LARGE' }],
    ['throws when it is read', 'getter', { message: 'the error itself is not JSON data' }],
  ])('hears of an error that %s', async (_what, pattern, body) => {
    expect(await ask(pattern)).toMatchObject({ typ: 'error', bdy: body });
    expect(instance.calls.inFlight).toBe(0);
    expect(await ask('fine')).toMatchObject({ typ: 'reply', bdy: { fine: true } });
    replies.delete('fine');
  });

  it.each([
    ['is too large', 'largeValue', 'PAYLOAD_TOO_LARGE'],
    ['is not JSON data', 'bigValue', 'BAD_PAYLOAD'],
  ])('hears of an answer that %s', async (_what, pattern, code) => {
    expect(await ask(pattern)).toMatchObject({ typ: 'error', bdy: { code } });
  });

  it('hears of an error that is falsy', async () => {
    expect(await ask('falsy')).toMatchObject({ typ: 'error', bdy: 'error' });
  });
});

/** Handlers without Nest's filters before them, which would make errors tame. */
async function listen(service: string, redis: string): Promise<HydraInstance> {
  const server = new HydraServer({ service, redis, maxPayloadBytes: 2_000 });
  for (const [pattern, handler] of Object.entries(HANDLERS)) {
    server.addHandler(pattern, (async () => handler()) as never);
  }
  atEnd(() => server.close());
  await new Promise<void>((resolve, reject) => {
    void server.listen((error) => (error === undefined ? resolve() : reject(error)));
  });
  return (server as unknown as { instance: HydraInstance }).instance;
}
