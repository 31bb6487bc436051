import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { scaled } from '../support/pace.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';

describe('the command line without a way to Redis', () => {
  const run = (...args: string[]) => runInProcess(['services', ...args]);

  it('says at once where nobody listens, and waits only when it is told to', async () => {
    const startedAt = performance.now();
    const atOnce = await run('--redis', 'redis://:s3cret@127.0.0.1:1');
    expect(performance.now() - startedAt).toBeLessThan(scaled(4_000, startedAt));
    expect(atOnce).toMatchObject({ code: 5, out: '' });
    expect(atOnce.err).toMatch(/^error: no connection to Redis at 127\.0\.0\.1:1: .*ECONNREFUSED.*\n$/);
    expect(atOnce.err).not.toContain('waited');

    const told = await run('--redis', 'redis://127.0.0.1:1', '--timeout', '300');
    expect(told.err).toContain('(waited 300 ms)');
  });

  it('says what Redis has against the password', async () => {
    const { url } = await startPrivateRedis(['--requirepass', 'right']);
    const wrong = await run('--redis', url.replace('redis://', 'redis://:s3cret@'));
    expect(wrong).toMatchObject({ code: 5, err: expect.stringContaining('WRONGPASS') });
    const none = await run('--redis', url);
    expect(none).toMatchObject({ code: 5, err: expect.stringContaining('NOAUTH') });
    for (const { err } of [wrong, none]) expect(err).toContain(new URL(url).host);
  });

  it('says that another server than Redis answers', async () => {
    const web = createServer((_, response) => response.end('<html>')).listen(0, '127.0.0.1');
    atEnd(() => web.close());
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    const { code, err } = await run('--redis', `redis://127.0.0.1:${port}`, '--timeout', '1000');
    expect(code).toBe(5);
    expect(err).toMatch(
      /no connection to Redis at \S+: what answers there does not speak the protocol of Redis/,
    );
  });

  it('names the first of what the doctor could not look at, and says how many more there are', async () => {
    const { err } = await runInProcess(['doctor', '--redis', 'redis://127.0.0.1:1', '--timeout', '300']);
    expect(err).toMatch(/^not looked at: ([a-z.-]+, ){4}[a-z.-]+ and \d+ more\n {2}there is no connection/m);
  });

  it('says that the other side does not speak TLS', async () => {
    const url = (await testRedisUrl()).replace('redis://', 'rediss://');
    const { code, err } = await run('--redis', url, '--timeout', '2000');
    expect(code).toBe(5);
    expect(err).toMatch(/no connection to Redis at \S+: .+/);
  });

  it.each([
    'localhost',
    'http://user:s3cret@127.0.0.1',
    'redis//:s3cret@127.0.0.1',
    '"redis://:s3cret@127.0.0.1"',
  ])('refuses %s as no place of a Redis, and does not repeat it', async (location) => {
    const { code, err } = await run('--redis', location);
    expect(code).toBe(2);
    expect(err).toContain('redis');
    expect(err).not.toContain('s3cret');
  });
});
