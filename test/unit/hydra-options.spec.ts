import { HydraError } from '../../lib/hydra-error.js';
import { resolveOptions, type Environment } from '../../lib/hydra-options.js';

const resolve = (options: object, environment: Environment = {}) =>
  resolveOptions({ service: 'math', ...options }, environment);

/** Path in the options, to a value that is refused, to what the message says is allowed. */
const REFUSED: readonly [option: string, value: unknown, allowed: string][] = [
  ['service', undefined, 'a string'],
  ['service', '', 'it is empty'],
  ['service', 'a:b', 'contains ":"'],
  ['service', 'a b', 'contains " "'],
  ['service', 'a*', 'contains "*"'],
  ['service', 'service', 'would match every service'],
  ['service', 'httpd', 'starts with "http"'],
  ['version', 2, 'a string'],
  ['description', {}, 'a string'],
  ['type', 5, 'a string'],
  ['host', 5, 'a string'],
  ['port', 65_536, 'from 0 to 65535'],
  ['port', '80', 'from 0 to 65535'],
  ['port', 1.5, 'from 0 to 65535'],
  ['namespace', 'a:b', 'letters, digits'],
  ['namespace', '', 'letters, digits'],
  ['layout', 'tags', 'one of classic, hash-tags'],
  ['timeoutMs', 0, '>= 1'],
  ['timeoutMs', NaN, '>= 1'],
  ['timeoutMs', Infinity, '>= 1'],
  ['timeoutMs', '30s', '>= 1'],
  ['maxPayloadBytes', -1, '>= 1'],
  ['streams.events', [''], 'letters, digits'],
  ['streams.events', [{ from: 'new' }], 'names, or { stream'],
  ['balancer', 'best', 'p2c, round-robin, random, or a function'],
  ['presence.intervalMs', 0, '>= 1'],
  ['presence.ttlMs', 1_000, 'more than presence.intervalMs=1000'],
  ['health.ttlMs', 5_000, 'more than health.intervalMs=5000'],
  ['connection.pingIntervalMs', 0, '>= 1'],
  ['connection.maxReconnectDelayMs', -5, '>= 1'],
  ['connection.commandTimeoutMs', 'x', '>= 1'],
  ['calls.maxConcurrency', -1, '>= 0'],
  ['calls.maxWaiting', 0.5, '>= 0'],
  ['calls.probeAfterMs', 0, '>= 1'],
  ['calls.replyWindowBytes', 65_535, 'from 65536 to 8388607'],
  ['calls.replyWindowBytes', 8_388_608, 'from 65536 to 8388607'],
  ['drain.timeoutMs', -1, '>= 0'],
  ['discovery.maxInstances', -1, '>= 0'],
  ['breaker.failures', -1, '>= 0'],
  ['breaker.ejectMs', 0, '>= 1'],
  ['presence.intervalMs', 2 ** 31, 'from 1 to 2147483647'],
  ['health.ttlMs', 2 ** 31, 'from 1 to 2147483647'],
  ['connection.pingIntervalMs', 2 ** 31, 'from 1 to 2147483647'],
  ['calls.probeAfterMs', 2 ** 31, 'from 1 to 2147483647'],
  ['drain.timeoutMs', 2 ** 31, 'from 0 to 2147483647'],
  ['breaker.panicShare', 1.1, 'a number from 0 to 1'],
];

function put(option: string, value: unknown): object {
  const [group, name] = option.split('.') as [string, string | undefined];
  return name === undefined ? { [group]: value } : { [group]: { [name]: value } };
}

function refusal(options: object, environment?: Environment): HydraError {
  try {
    resolve(options, environment);
  } catch (error) {
    return error as HydraError;
  }
  throw new Error('nothing was refused');
}

describe('the options', () => {
  it.each(REFUSED)('refuse %s = %p, naming option, value and limit', (option, value, allowed) => {
    const error = refusal(put(option, value));
    expect(error).toBeInstanceOf(HydraError);
    expect(error.code).toBe('BAD_OPTION');
    expect(error.message).toContain(option);
    expect(error.message).toContain(allowed);
    if (typeof value === 'string' || Number.isFinite(value)) expect(error.message).toContain(String(value));
  });

  it('need the service alone, and have documented defaults', () => {
    expect(resolve({})).toMatchObject({
      service: 'math',
      version: '0.0.0',
      description: 'not specified',
      type: '',
      redis: 'redis://127.0.0.1:6379',
      namespace: 'hydra',
      layout: 'classic',
      host: undefined,
      port: undefined,
      tags: [],
      metadata: {},
      timeoutMs: 30_000,
      balancer: 'p2c',
      maxPayloadBytes: 1_048_576,
      presence: { intervalMs: 1_000, ttlMs: 3_000 },
      health: { intervalMs: 5_000, ttlMs: 15_000 },
      connection: { pingIntervalMs: 2_000, maxReconnectDelayMs: 1_000, commandTimeoutMs: 5_000 },
      calls: { maxConcurrency: 0, maxWaiting: 1_000, probeAfterMs: 250, replyWindowBytes: 4_194_304 },
      drain: { timeoutMs: 10_000 },
    });
  });

  it('have hash tags in the keys of a Cluster, and no other layout', () => {
    const redis = { cluster: [{ host: 'a', port: 1 }] };
    expect(resolve({ redis }).layout).toBe('hash-tags');
    expect(resolve({ layout: 'hash-tags' }).layout).toBe('hash-tags');
    expect(refusal({ redis, layout: 'classic' }).message).toContain('layout must be hash-tags on a Cluster');
  });

  it('are lower-cased where they name the service, and frozen', () => {
    const options = resolve({ service: 'Math', tags: ['a'] });
    expect(options.service).toBe('math');
    for (const part of [options, options.tags, options.metadata, options.presence, options.calls]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('take zero where zero means no limit', () => {
    expect(resolve({ calls: { maxConcurrency: 0 }, drain: { timeoutMs: 0 } }).drain.timeoutMs).toBe(0);
  });
});

describe('where Redis is', () => {
  const cluster = [{ host: 'a', port: 1 }];
  it.each<[object | string]>([
    [{ host: 'a', keyPrefix: 'p:' }],
    [{ sentinels: [{ host: 'a' }], name: 'm', keyPrefix: 'p:' }],
    [{ cluster, options: { keyPrefix: 'p:' } }],
    [{ cluster, options: { redisOptions: { keyPrefix: 'p:' } } }],
    ['redis://user:secret@a:1/0?keyPrefix=p:'],
  ])('is said without a prefix of its keys: %j', (redis) => {
    const expected = '[BAD_OPTION] redis.keyPrefix must be left out; use namespace, got "p:"';
    expect(refusal({ redis }).message).toBe(expected);
  });

  it.each<[object | string, string]>([
    [{ host: 'a', stringNumbers: true }, 'redis.stringNumbers must be left out, got true'],
    ['redis://a:1?stringNumbers=true', 'redis.stringNumbers must be left out, got "true"'],
    [{ host: 'a', replyMapping: 'resp3' }, 'redis.replyMapping must be left out, or "legacy", got "resp3"'],
    [
      { cluster, options: { redisOptions: { replyMapping: 'resp3' } } },
      'redis.replyMapping must be left out, or "legacy", got "resp3"',
    ],
  ])('is said without what changes the answers of Redis: %j', (redis, expected) => {
    expect(refusal({ redis }).message).toBe(`[BAD_OPTION] ${expected}`);
  });

  it('may be said with what the driver does by itself', () => {
    const redis = { host: 'a', stringNumbers: false, replyMapping: 'legacy' };
    expect(resolve({ redis }).redis).toEqual(redis);
  });

  it('may be said with an empty one', () => {
    expect(resolve({ redis: { host: 'a', keyPrefix: '' } }).redis).toEqual({ host: 'a', keyPrefix: '' });
  });
});

describe('the environment', () => {
  it('says where Redis is unless the options do', () => {
    const environment = { HYDRA_REDIS_URL: 'redis://a:1' };
    expect(resolve({}, environment).redis).toBe('redis://a:1');
    expect(resolve({ redis: 'redis://b:2' }, environment).redis).toBe('redis://b:2');
    expect(resolve({}, { HYDRA_REDIS_URL: '' }).redis).toBe('redis://127.0.0.1:6379');
  });

  it.each([
    '{"serviceName":"Other","serviceVersion":"2.0.0","serviceIP":"10.0.*","servicePort":"81","serviceType":"t"}',
    'serviceName=Other|serviceVersion=2.0.0|serviceIP=10.0.*|servicePort=81|serviceType=t',
  ])('overrides the options with HYDRA_SERVICE=%s', (value) => {
    expect(resolve({ version: '1.0.0', port: 80 }, { HYDRA_SERVICE: value })).toMatchObject({
      service: 'other',
      version: '2.0.0',
      host: '10.0.*',
      port: 81,
      type: 't',
    });
  });

  it('is refused where it makes no sense', () => {
    expect(refusal({}, { HYDRA_SERVICE: '{"serviceName":' }).message).toContain('HYDRA_SERVICE');
    expect(refusal({}, { HYDRA_SERVICE: 'servicePort=abc' }).message).toContain('port');
  });
});
