import { Redis } from 'ioredis';

import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { startPrivateRedis } from '../support/redis.js';

describe('sample 03', () => {
  it('shows a group that is killed and catches up and one that is given history again, and loses nothing', async () => {
    // Its services have fixed names: a Redis of its own keeps it apart.
    const { url } = await startPrivateRedis();
    const sample = startChild('sample/03-streams/main.ts', { env: { HYDRA_REDIS_URL: url } });
    // It ends by itself, and says nothing before that to whoever started it.
    sample.ready.catch(() => undefined);
    const end = await sample.exited;
    const picture = sample.output();
    expect({ end, picture }).toMatchObject({ end: { code: 0, signal: null } });

    const chapters = picture.split('\n— ').slice(1);
    expect(chapters.map((chapter) => chapter.split('\n')[0])).toEqual([
      expect.stringContaining('eight sensors publish'),
      expect.stringMatching(/^kill -9 \d+: archive is gone/),
      'archive is started again, and catches up',
      'the sensors stop',
      'alarms is given the whole history again',
      expect.stringMatching(/readings published; both groups handled all$/),
    ]);
    const behind = (chapter: number, group: string) =>
      [...chapters[chapter]!.matchAll(new RegExp(`${group} +(\\d+) behind`, 'g'))].map(([, n]) => Number(n));
    // Killed, it falls behind; back again, it catches up.
    expect(behind(1, 'archive').at(-1)).toBeGreaterThan(behind(1, 'archive')[0]!);
    expect(behind(3, 'archive').at(-1)).toBe(0);
    const published = Number(/(\d+) readings published/.exec(chapters[5]!)![1]);
    expect(behind(4, 'alarms')[0]).toBeGreaterThan(0);
    expect(behind(4, 'alarms').at(-1)).toBe(0);

    const redis = new Redis(url);
    atEnd(() => redis.disconnect());
    expect(await redis.xlen('sample-streams:stream:readings')).toBe(published);
  }, 240_000);
});
