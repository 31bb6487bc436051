import { Controller, type Type } from '@nestjs/common';
import { Redis } from 'ioredis';

import { HealthContributors, StreamPattern, StreamService } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = {
  poison: uniqueService('poison'),
  trimmed: uniqueService('trimmed'),
  gone: uniqueService('gone'),
};
const keyOf = (name: string) => `hydra:stream:${name}`;
let release: () => void = () => undefined;
let held = new Promise<void>((resolve) => (release = resolve));

@Controller()
class Poisoned {
  @StreamPattern(stream.poison, { attempts: 1, from: 'beginning' })
  fail(): void {
    throw new Error('never');
  }
}

@Controller()
class Slow {
  @StreamPattern(stream.trimmed, { concurrency: 1, from: 'beginning' })
  async hold(): Promise<void> {
    await held;
  }
}

@Controller()
class Passing {
  @StreamPattern(stream.gone, { attempts: 1, orderBy: 'k', from: 'beginning' })
  fail(): void {
    throw new Error('never');
  }
}

let url: string;
let redis: Redis;

beforeAll(async () => {
  url = await testRedisUrl();
  redis = new Redis(url);
  atEnd(() => redis.disconnect());
});

async function start(controller: Type, deadLetters = {}): Promise<TestService> {
  return startService({ service: uniqueService(), redis: url, streams: { deadLetters } }, [controller]);
}

describe('dead letters', () => {
  it('are the newest streams.deadLetters.count, and have an end', async () => {
    const server = await start(Poisoned, { count: 150, ageMs: 86_400_000 });
    const streams = server.app.get(StreamService);
    for (let n = 0; n < 600; n++) void redis.xadd(keyOf(stream.poison), '*', 'hydra', '1', 'data', n);
    const group = await eventually(async () => (await streams.info(stream.poison)).groups[0], {
      what: 'it',
    });
    const handled = async () => {
      const [about] = (await streams.info(stream.poison)).groups;
      return about!.lag === 0 && about!.pending === 0;
    };
    await eventually(handled, { what: 'all to be given up', timeoutMs: 20_000 });
    const letters = await streams.deadLetters<number>(stream.poison, { limit: 1_000 });
    // Whole nodes of the stream go, of a hundred entries each.
    expect(letters.length).toBeLessThanOrEqual(250);
    expect(letters.length).toBeGreaterThanOrEqual(150);
    expect(letters.map(({ data }) => data)).toContain(599);
    const lifeMs = await redis.pttl(`${keyOf(stream.poison)}:dead:${group.name}`);
    expect(lifeMs).toBeGreaterThan(86_300_000);
    await server.close();
  }, 60_000);

  it('that are older than streams.deadLetters.ageMs go when an instance reads the group', async () => {
    const service = uniqueService();
    const dead = `${keyOf(stream.poison)}:dead:${service}`;
    const letter = [
      'hydra-id',
      '1-0',
      'hydra-reason',
      'no',
      'hydra-attempts',
      '1',
      'hydra',
      '1',
      'data',
      '7',
    ];
    const [seconds] = (await redis.time()) as unknown as [string];
    const times = [1, 1_000, Number(seconds) * 1_000 - 120_000, Number(seconds) * 1_000];
    for (const time of times) await redis.xadd(dead, `${time}-0`, ...letter);
    await redis.del(keyOf(stream.poison));
    const deadLetters = { ageMs: 60_000 };
    const server = await startService({ service, redis: url, streams: { deadLetters } }, [Poisoned]);
    await eventually(async () => (await redis.xlen(dead)) === 1, { what: 'the old ones to go' });
    await server.close();
  });

  it('are deleted by id, or all at once', async () => {
    const dead = `${keyOf(stream.poison)}:dead:mine`;
    const server = await startService({ service: uniqueService(), redis: url }, []);
    const streams = server.app.get(StreamService);
    const letter = [
      'hydra-id',
      '1-0',
      'hydra-reason',
      'no',
      'hydra-attempts',
      '1',
      'hydra',
      '1',
      'data',
      '7',
    ];
    for (let n = 0; n < 250; n++) await redis.xadd(dead, '*', ...letter);
    const [first] = await streams.deadLetters(stream.poison, { group: 'mine' });
    expect(await streams.removeDeadLetters(stream.poison, [first!.id, '1-1'], { group: 'mine' })).toBe(1);
    expect(await streams.removeDeadLetters(stream.poison, 'all', { group: 'mine' })).toBe(249);
    expect(await streams.deadLetters(stream.poison, { group: 'mine' })).toEqual([]);
    await server.close();
  });
});

describe('a group that lost entries to a trim', () => {
  it('is told so by log, health and info, and its lag counts what is there', async () => {
    await redis.xadd(keyOf(stream.trimmed), '*', 'hydra', '1', 'data', 0);
    const server = await start(Slow);
    const streams = server.app.get(StreamService);
    const about = async () => (await streams.info(stream.trimmed)).groups[0]!;
    await eventually(async () => (await about()).pending > 0, { what: 'the first to be held' });
    const pending = async () => {
      for (let n = 1; n <= 100; n++) await redis.xadd(keyOf(stream.trimmed), '*', 'hydra', '1', 'data', n);
      return (await about()).pending;
    };
    const read = await pending();
    await streams.trim(stream.trimmed, { maxLen: 20 });
    expect((await about()).lag).toBe(20);
    await eventually(async () => (await about()).lostToTrim > 0, { what: 'the loss to be seen' });
    expect((await about()).lostToTrim).toBe(101 - read - 20);
    expect(server.app.get(HealthContributors).collect().activity['streams']).toMatchObject({
      lostToTrim: 101 - read - 20,
    });
    release();
    await eventually(async () => (await about()).pending === 0 && (await about()).lag === 0, {
      what: 'the rest',
    });
    await redis.xadd(keyOf(stream.trimmed), '*', 'hydra', '1', 'data', 7);
    await eventually(async () => (await about()).lag === 0, { what: 'the next' });
    expect((await about()).lostToTrim).toBe(101 - read - 20);
    held = Promise.resolve();
    await server.close();
  }, 30_000);
});

describe('a group that is removed', () => {
  it('leaves nothing behind, and is not removed while an instance reads it', async () => {
    const server = await start(Passing);
    const streams = server.app.get(StreamService);
    await streams.publish(stream.gone, { k: 1 });
    await eventually(async () => (await streams.info(stream.gone)).groups[0]?.deadLetters === 1, {
      what: 'it',
    });
    const { name } = (await streams.info(stream.gone)).groups[0]!;
    await expect(streams.removeGroup(stream.gone, name)).rejects.toThrow(/read by an instance/);
    await server.close();
    const other = await startService({ service: uniqueService(), redis: url }, []);
    const later = other.app.get(StreamService);
    expect(await later.removeGroup(stream.gone, name)).toBe(true);
    expect(await later.removeGroup(stream.gone, name)).toBe(false);
    expect(await redis.keys(`${keyOf(stream.gone)}*`)).toEqual([keyOf(stream.gone)]);
    await other.close();
  });

  it('in part is made anew by the next instance, which keeps nothing of it', async () => {
    const name = uniqueService();
    const key = keyOf(stream.gone);
    await redis.xgroup('CREATE', key, name, '0', 'MKSTREAM');
    const writes = redis.pipeline();
    for (let n = 0; n < 10; n++) writes.xadd(key, '*', 'hydra', '1', 'data', '{"k":1}');
    await writes.exec();
    await redis.xreadgroup('GROUP', name, 'foreign', 'COUNT', 5, 'STREAMS', key, '>');
    // As a removal leaves it that was stopped in the middle.
    await redis.xgroup('CREATECONSUMER', key, name, 'removed');
    const server = await startService({ service: name, redis: url }, [Passing]);
    const consumers = (await redis.xinfo('CONSUMERS', key, name)) as [string, string][];
    expect(consumers.map(([, consumer]) => consumer)).not.toContain('removed');
    expect(consumers.map(([, consumer]) => consumer)).not.toContain('foreign');
    await server.close();
    const other = await startService({ service: uniqueService(), redis: url }, []);
    expect(await other.app.get(StreamService).removeGroup(stream.gone, name)).toBe(true);
    await other.close();
  });

  it('by XGROUP DESTROY leaves nothing that has no end', async () => {
    const server = await start(Passing);
    const streams = server.app.get(StreamService);
    await streams.publish(stream.gone, { k: 1 });
    const { name } = await eventually(async () => (await streams.info(stream.gone)).groups[0], {
      what: 'it',
    });
    await eventually(async () => (await streams.deadLetters(stream.gone, { group: name })).length > 0, {
      what: 'a dead letter',
    });
    await server.close();
    await redis.xgroup('DESTROY', keyOf(stream.gone), name);
    const left = (await redis.keys(`${keyOf(stream.gone)}:*`)).filter((key) => key.includes(name));
    expect(left).not.toEqual([]);
    for (const key of left)
      expect({ key, life: await redis.pttl(key) }).toMatchObject({ life: expect.any(Number) });
    for (const key of left) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });
});
