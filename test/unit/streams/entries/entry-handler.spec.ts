import type { BoundHandler } from '../../../../lib/delivery/source.js';
import { resolveOptions, type HydraOptions } from '../../../../lib/hydra-options.js';
import { resolveHandler } from '../../../../lib/streams/entries/entry-handler.js';

const TOO_LONG = 2 ** 31;

function resolve(options: object, streams: HydraOptions['streams'] = {}) {
  const bound = { pattern: 'orders', options } as unknown as BoundHandler;
  return resolveHandler(bound, resolveOptions({ service: 'shop', streams }, {}));
}

describe('a handler of entries', () => {
  it.each<[options: object, message: RegExp]>([
    [{ timeoutMs: TOO_LONG }, /timeoutMs of "orders" must be a whole number from 0 to 2147483647/],
    [{ backoff: { minMs: TOO_LONG } }, /backoff.minMs of "orders"/],
    [{ backoff: { maxMs: TOO_LONG } }, /backoff.maxMs of "orders"/],
    [{ batch: { size: 2, waitMs: TOO_LONG } }, /batch.waitMs of "orders"/],
    [{ backoff: { minMs: 60_000 } }, /backoff.minMs of "orders" must be a whole number from 1 to 30000/],
    [{ from: '18446744073709551616-0' }, /from of "orders"/],
  ])('is refused with %j', (options, message) => {
    expect(() => resolve(options)).toThrow(message);
  });

  it('may wait as long as a timer can', () => {
    const [timeoutMs, waitMs] = [TOO_LONG - 1, TOO_LONG - 1];
    const backoff = { minMs: 60_000, maxMs: TOO_LONG - 1 };
    const options = { timeoutMs, backoff, batch: { size: 1, waitMs } };
    expect(resolve(options)).toMatchObject(options);
  });
});

describe('streams.retryMinMs and streams.retryMaxMs', () => {
  it.each([{ retryMaxMs: TOO_LONG }, { retryMinMs: 60_000 }])('are refused as %j', (streams) => {
    expect(() => resolve({}, streams)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });
});
