import { createRedaction } from '../../../lib/logging/redaction.js';

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
    ['the password was changed', 'the password was changed'],
  ])('in the text %s', (text, safe) => {
    expect(redact(text)).toBe(safe);
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
