import { HydraClient, HydraRecordBuilder } from '../../../lib/index.js';
import type { BoundHandler } from '../../../lib/delivery/source.js';
import { resolveOptions } from '../../../lib/hydra-options.js';
import { createKeys } from '../../../lib/protocol/keys.js';
import { ThrottledLogger } from '../../../lib/runtime/throttled-logger.js';
import { systemClock } from '../../../lib/runtime/clock.js';
import type { RedisConnections } from '../../../lib/redis/redis-connections.js';
import { resolveHandler } from '../../../lib/streams/entries/entry-handler.js';
import { StreamService, type PublishOptions } from '../../../lib/streams/stream-service.js';

const options = resolveOptions({ service: 'shop' }, {});
/** It is never asked: what is refused is refused before. */
const streams = new StreamService({
  id: 'a',
  redis: undefined as unknown as RedisConnections,
  keys: createKeys(),
  clock: systemClock,
  log: new ThrottledLogger(systemClock),
  options,
});
const refusal = expect.objectContaining({ code: 'BAD_OPTION' }) as Error;

function resolve(pattern: string, given: object = {}) {
  return resolveHandler({ pattern, options: given } as unknown as BoundHandler, options);
}

const BAD = [
  'orders:order:mailer',
  '',
  'a\nb',
  'a b',
  '{a}',
  'a*',
  'ä',
  'presence',
  'health',
  'service',
  'routes',
];

describe.each(BAD)('the name %j', (name) => {
  it.each<[string, () => Promise<unknown>]>([
    ['publish', () => streams.publish(name, 1)],
    ['range', () => streams.range(name)],
    ['entries', () => streams.entries(name).next()],
    ['info', () => streams.info(name)],
    ['trim', () => streams.trim(name, { maxLen: 1 })],
    ['replay', () => streams.replay(name, 'g', 'new')],
    ['deadLetters', () => streams.deadLetters(name)],
    ['redrive', () => streams.redrive(name, 'all')],
    ['removeDeadLetters', () => streams.removeDeadLetters(name, 'all')],
    ['removeGroup', () => streams.removeGroup(name, 'g')],
  ])('is refused as a stream by %s', async (_method, act) => {
    await expect(act()).rejects.toThrow(refusal);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['replay', () => streams.replay('orders', name, 'new')],
    ['deadLetters', () => streams.deadLetters('orders', { group: name })],
    ['redrive', () => streams.redrive('orders', 'all', { group: name })],
    ['removeDeadLetters', () => streams.removeDeadLetters('orders', 'all', { group: name })],
    ['removeGroup', () => streams.removeGroup('orders', name)],
  ])('is refused as a group by %s', async (_method, act) => {
    await expect(act()).rejects.toThrow(refusal);
  });

  it('is refused as a stream and as a group by decorators, options, clients and records', () => {
    expect(() => resolve(name)).toThrow(refusal);
    expect(() => resolve('orders', { group: name })).toThrow(refusal);
    expect(() => resolveOptions({ service: 'shop', streams: { events: [name] } }, {})).toThrow(refusal);
    expect(() => new HydraClient({ service: 'shop', durableEvents: { paid: name } })).toThrow(refusal);
    expect(() => new HydraRecordBuilder(1).setStream(name)).toThrow(refusal);
  });
});

describe('an option that is none', () => {
  it.each<[string, () => unknown, RegExp]>([
    ['@StreamPattern', () => resolve('orders', { orderby: 'k' }), /did you mean "orderBy"/],
    ['its batch', () => resolve('orders', { batch: { sise: 1 } }), /did you mean "size"/],
  ])('is refused by %s', (_where, act, message) => {
    expect(act).toThrow(message);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['publish', () => streams.publish('orders', 1, { maxlen: 5 } as PublishOptions), /did you mean "maxLen"/],
    ['range', () => streams.range('orders', { form: '0' } as object), /did you mean "from"/],
    ['trim', () => streams.trim('orders', { maxlen: 5 } as never), /did you mean "maxLen"/],
    ['deadLetters', () => streams.deadLetters('orders', { grup: 'a' } as object), /did you mean "group"/],
    ['redrive', () => streams.redrive('orders', 'all', { grup: 'a' } as object), /did you mean "group"/],
  ])('is refused by %s', async (_method, act, message) => {
    await expect(act()).rejects.toThrow(message);
  });
});

it('takes a service whose name is no group where it says another one', () => {
  const named = resolveOptions({ service: 'shop/eu' }, {});
  const bound = (given: object) => ({ pattern: 'orders', options: given }) as unknown as BoundHandler;
  expect(() => resolveHandler(bound({}), named)).toThrow(/name another group/);
  expect(resolveHandler(bound({ group: 'shop-eu' }), named).group).toBe('shop-eu');
});
