import { resolveOptions } from '../../../lib/hydra-options.js';

const refused = (options: object): unknown => {
  try {
    resolveOptions({ service: 'orders', ...options });
    return undefined;
  } catch (error) {
    return error;
  }
};

it.each([
  ['a text', { credentials: 'secret' }, 'credentials must be a function, or an object with subscribe()'],
  ['null', { credentials: null }, 'credentials must be a function'],
  [
    'a password in a URL beside it',
    { credentials: () => ({ password: 'x' }), redis: 'redis://a:secret@h' },
    'credentials beside a password in redis',
  ],
  [
    'a password of a Cluster beside it',
    {
      credentials: () => ({ password: 'x' }),
      redis: { cluster: [{ host: 'a' }], options: { redisOptions: { password: 'secret' } } },
    },
    'credentials beside a password in redis',
  ],
])('credentials: %s is refused, and not shown', (_, options, message) => {
  const error = refused(options);
  expect(error).toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining(message) as string });
  expect(String(error)).not.toContain('secret');
});

it('credentials beside a user in redis are taken', () => {
  expect(refused({ credentials: () => ({ password: 'x' }), redis: 'rediss://orders@redis:6380' })).toBe(
    undefined,
  );
});
