import { inspect } from 'node:util';

import { HydraError } from '../../../lib/hydra-error.js';
import { resolveOptions, type HydraOptions } from '../../../lib/hydra-options.js';

const resolve = (redis: unknown, environment = {}) =>
  resolveOptions({ service: 'orders', ...(redis !== undefined && { redis }) } as HydraOptions, environment);

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('it was taken');
}

/** What people have in their environment by mistake: each would start, and log the password for ever. */
const MISTAKES = [
  '"redis://:hush@host"',
  "'redis://:hush@host'",
  ' redis://:hush@host',
  'redis//:hush@host',
  'redis:/:hush@host',
  '//:hush@host',
  ':hush@host',
  'hush@host:6379',
  'http://:hush@host',
  'redis://:hu#sh@host',
  'redis://:hu/sh@host',
  'redis://:hu?sh@host',
  'redis://:hush%@host',
  'redis://:hush@',
  'redis://:hush@host:99999',
  'redis://:hush@host/orders',
  'redis-cluster://:hush@host',
  'host:6379',
  '6379',
];

describe('what is no place of a Redis', () => {
  it.each(MISTAKES)('is refused by the name of its option, and nothing shows it: %s', (given) => {
    for (const [option, act] of [
      ['redis', () => resolve(given)],
      ['HYDRA_REDIS_URL', () => resolve(undefined, { HYDRA_REDIS_URL: given })],
      ['redis.cluster', () => resolve({ cluster: given.startsWith('host') ? ['host/6379'] : [given] })],
      ['redis.sentinels', () => resolve({ sentinels: [{ host: `/${given}` }], name: 'main' })],
      ['redis.host', () => resolve({ host: `/${given}` })],
      ['redis.path', () => resolve({ path: given })],
    ] as const) {
      const error = refusal(act);
      expect(error).toBeInstanceOf(HydraError);
      expect(error).toMatchObject({ code: 'BAD_OPTION' });
      expect((error as Error).message).toContain(`${option} must be`);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hu.?sh/);
    }
  });

  it.each([[6379], [true], [new URL('redis://:hush@host')]])('is refused: %p', (given) => {
    const error = refusal(() => resolve(given));
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    expect(inspect(error, { depth: 9 })).not.toContain('hush');
  });
});

describe('a place of a Redis', () => {
  it.each([
    ['redis://127.0.0.1:6379'],
    ['redis://host'],
    ['redis://user:p%40ss@host:6379/2'],
    ['rediss://:hush@host:6380/0?family=6'],
    ['REDIS://host'],
    ['redis://[::1]:6379'],
    ['/var/run/redis.sock'],
    ['/var/run/redis.sock?db=2'],
    [{ host: 'host', port: 6379, password: 'p@ss/word' }],
    [{ host: '::1' }],
    [{ path: '/var/run/redis.sock' }],
    [{ sentinels: [{ host: 'a', port: 26379 }], name: 'main' }],
    [{ cluster: [{ host: 'a', port: 7000 }, 'redis://b:7001', 'c:7002', 7003] }],
  ])('is taken: %j', (given) => expect(resolve(given).redis).toBe(given));
});

describe('a HYDRA_SERVICE that is no JSON', () => {
  it('is quoted nowhere', () => {
    const error = refusal(() => resolve(undefined, { HYDRA_SERVICE: '{"redis":{"password":"hush"}' }));
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hush');
  });
});

describe('a name among the options of a Redis location', () => {
  it('is refused where it is nearly one of the driver, with the one that was meant', () => {
    expect(() => resolve({ host: '127.0.0.1', prot: 6_380 })).toThrow(
      '"prot" is no option of redis: did you mean "port"?',
    );
  });

  it('is left to the driver where it is like none of them', () => {
    expect(() => resolve({ host: '127.0.0.1', somethingNewer: true, blockingTimeout: 1 })).not.toThrow();
  });
});
