import { Redis } from 'ioredis';

import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';

const USER = 'limited';

/** What becomes of a Redis while a service works. */
const FAULTS: Readonly<Record<string, (admin: Redis) => Promise<unknown>>> = {
  'refuses its commands and subscriptions': (admin) =>
    admin.call('ACL', 'SETUSER', USER, '-@write', '-@read', '-subscribe', '-evalsha', '-eval'),
  'is full': async (admin) => {
    await admin.config('SET', 'maxmemory-policy', 'noeviction');
    await admin.config('SET', 'maxmemory', '1');
  },
};

describe.each(Object.keys(FAULTS))('a service whose Redis %s', (fault) => {
  it('lives on when nobody looks at what failed, and whoever looks is given typed errors', async () => {
    const { url } = await startPrivateRedis();
    const admin = new Redis(url);
    atEnd(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', USER, 'on', '>secret', '~*', '&*', '+@all');
    const limited = url.replace('redis://', `redis://${USER}:secret@`);
    const child = startChild('test/support/ignoring.process.ts', { env: { HYDRA_REDIS_URL: limited } });
    await child.ready;
    await FAULTS[fault]!(admin);
    child.send({});
    const summary = () => child.lines.find((line) => 'called' in line);
    let ended: unknown;
    void child.exited.then((how) => (ended = how));
    const isOver = () => summary() !== undefined || ended !== undefined;
    await eventually(isOver, { what: 'all to be called', timeoutMs: 20_000 });
    expect([ended, ended && child.output()]).toEqual([undefined, undefined]);
    const { called, rejected, codes, untyped } = summary()!;
    expect(untyped).toEqual([]);
    expect(called).toBeGreaterThan(60);
    expect(rejected).toBeGreaterThan(20);
    expect(codes).toEqual(expect.arrayContaining(['BAD_OPTION']));
    // What Redis refuses is said, though nobody looked.
    expect(child.output()).toMatch(/Redis refused/);
    expect(child.output()).toMatch(/not published to /);
    await child.kill();
  }, 60_000);
});
