import { createRedaction } from '../../../lib/logging/log-redaction.js';

const redact = createRedaction(['password', 'authorization', 'api_key']);

describe('redaction', () => {
  it('hides members by their name, at any depth and in any case', () => {
    const given = { user: 'ann', Password: 'p', nested: [{ AUTHORIZATION: { scheme: 'x' }, kept: 1 }] };
    expect(redact(given)).toEqual({
      user: 'ann',
      Password: '[redacted]',
      nested: [{ AUTHORIZATION: '[redacted]', kept: 1 }],
    });
    expect(given.Password).toBe('p');
  });

  it.each([
    ['login with password=secret1, user=ann', 'login with password=[redacted], user=ann'],
    ['Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['{"password":"a b c","user":"ann"}', '{"password":[redacted],"user":"ann"}'],
    ['url?api_key=123&x=1', 'url?api_key=[redacted]&x=1'],
    [
      String.raw`{\"password\":\"hunter\\\"2\",\"user\":\"ann\"}`,
      String.raw`{\"password\":[redacted],\"user\":\"ann\"}`,
    ],
    [String.raw`{"password":"hun\"ter2","user":"ann"}`, '{"password":[redacted],"user":"ann"}'],
    ['cut off in password="hunter 2', 'cut off in password=[redacted]'],
    ['the password was changed', 'the password was changed'],
  ])('in the text %s', (text, safe) => {
    expect(redact(text)).toBe(safe);
  });

  it('hides members whose name ends so, and what texts inside objects and lists say', () => {
    const given = {
      userPassword: 'p',
      'x-authorization': 'a',
      err: 'no: password=hunter2',
      list: ['api_key: abc'],
    };
    expect(redact(given)).toEqual({
      userPassword: '[redacted]',
      'x-authorization': '[redacted]',
      err: 'no: password=[redacted]',
      list: ['api_key: [redacted]'],
    });
  });

  it('looks at a bounded part of what is large, however it hangs together', () => {
    type Peer = Record<string, unknown>;
    const peers = Array.from({ length: 14 }, (): Peer => ({}));
    for (const peer of peers) for (const [index, other] of peers.entries()) peer[`peer${index}`] = other;
    const large = [peers[0], Array.from({ length: 1e5 }, () => 'x'.repeat(1_000)), 'x'.repeat(1e6)];
    for (const one of large) expect(JSON.stringify(redact(one)).length).toBeLessThan(50_000);
    expect(redact({ body: Buffer.alloc(2e6), view: new Float64Array(2) })).toEqual({
      body: '[2000000 bytes]',
      view: '[16 bytes]',
    });
    const twice = { a: 1 };
    expect(redact([twice, twice])).toEqual([twice, twice]);
  });

  it('makes anything fit for JSON', () => {
    const circular: Record<string, unknown> = { big: 1n, when: new Date(0), call: () => 1 };
    circular['self'] = circular;
    const text = JSON.stringify(redact(circular));
    expect(text).toContain('"big":"1","when":"1970-01-01T00:00:00.000Z"');
    expect(text.length).toBeLessThan(2_000);
    expect(redact(new Error('boom'))).toContain('Error: boom\n');
    expect(redact(undefined)).toBeUndefined();
  });

  it('hides nothing when no names are given', () => {
    expect(createRedaction([])({ password: 'p' })).toEqual({ password: 'p' });
  });
});
