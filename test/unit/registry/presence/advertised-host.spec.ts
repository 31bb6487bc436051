import { advertisedHost } from '../../../../lib/registry/presence/advertised-host.js';

const ADDRESSES = ['127.0.0.1', '172.17.0.1', '10.0.3.7'];

describe('the advertised host', () => {
  it.each([
    [undefined, '172.17.0.1'],
    ['10.0.*', '10.0.3.7'],
    ['10.*.*', '10.0.3.7'],
    ['*', '127.0.0.1'],
    ['192.168.*', '192.168.*'],
    ['math.internal', 'math.internal'],
  ])('given %p is %s', (given, host) => expect(advertisedHost(given, ADDRESSES)).toBe(host));

  it('is loopback where there is nothing else', () => {
    expect(advertisedHost(undefined, ['127.0.0.1'])).toBe('127.0.0.1');
    expect(advertisedHost(undefined, [])).toBe('127.0.0.1');
  });
});
