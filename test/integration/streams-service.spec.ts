import { Redis } from 'ioredis';

import { StreamService, type StreamEntry } from '../../lib/index.js';
import { startCaller } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

describe('StreamService', () => {
  let streams: StreamService;
  let redis: Redis;
  let stream: string;
  let ids: string[];

  beforeAll(async () => {
    const url = await testRedisUrl();
    const { app } = await startCaller({ service: uniqueService(), redis: url }, []);
    streams = app.get(StreamService);
    redis = new Redis(url);
    atEnd(() => redis.disconnect());
  });

  beforeEach(async () => {
    stream = uniqueService('stream');
    ids = [];
    for (let n = 0; n < 5; n++) ids.push(await streams.publish(stream, n));
  });

  const data = (entries: readonly StreamEntry[]) => entries.map((entry) => entry.data);

  it('stores an event once for its id', async () => {
    const first = await streams.publish(stream, 'a', { id: 'order-1' });
    const again = await streams.publish(stream, 'b', { id: 'order-1', maxLen: 100 });
    expect(again).toBe(first);
    expect((await streams.info(stream)).length).toBe(6);
  });

  it('reads back both ways, page by page', async () => {
    expect(data(await streams.range(stream))).toEqual([0, 1, 2, 3, 4]);
    expect(data(await streams.range(stream, { reverse: true, limit: 2 }))).toEqual([4, 3]);
    expect(data(await streams.range(stream, { reverse: true, after: ids[3]! }))).toEqual([2, 1, 0]);
    expect(data(await streams.range(stream, { after: ids[1]!, limit: 2 }))).toEqual([2, 3]);
    expect(data(await streams.range(stream, { from: ids[1]!, to: ids[2]! }))).toEqual([1, 2]);
    expect(await streams.range(stream, { from: new Date(Date.now() + 3_600_000) })).toEqual([]);
    expect(
      data(await streams.range(stream, { from: new Date(0), to: new Date(Date.now() + 3_600_000) })),
    ).toHaveLength(5);
  });

  it('reads all of a range as it is asked for', async () => {
    const seen: unknown[] = [];
    for await (const { data: one } of streams.entries(stream, { limit: 2 })) seen.push(one);
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    seen.length = 0;
    for await (const { data: one } of streams.entries(stream, { limit: 2, reverse: true })) seen.push(one);
    expect(seen).toEqual([4, 3, 2, 1, 0]);
  });

  it('counts an ordered instance once, whatever names it reads under', async () => {
    const key = `hydra:stream:${stream}`;
    await redis.xgroup('CREATE', key, 'ordered', '0');
    for (const name of ['a', 'a~', 'in-line']) await redis.xgroup('CREATECONSUMER', key, 'ordered', name);
    expect((await streams.info(stream)).groups[0]).toMatchObject({ name: 'ordered', consumers: 1 });
    await redis.xgroup('DESTROY', key, 'ordered');
  });

  it('replays a stream that never had an entry', async () => {
    const empty = uniqueService('empty');
    await redis.xgroup('CREATE', `hydra:stream:${empty}`, 'g', '$', 'MKSTREAM');
    await streams.replay(empty, 'g', 'beginning');
    expect(await streams.info(empty)).toMatchObject({ length: 0, newest: undefined });
  });

  it('says how long a stream is and how far its groups are', async () => {
    await redis.xgroup('CREATE', `hydra:stream:${stream}`, 'g', '0');
    await redis.xreadgroup('GROUP', 'g', 'someone', 'COUNT', 2, 'STREAMS', `hydra:stream:${stream}`, '>');
    const { length, oldest, newest, groups } = await streams.info(stream);
    expect({ length, oldest, newest }).toEqual({ length: 5, oldest: ids[0], newest: ids[4] });
    expect(groups).toEqual([
      {
        name: 'g',
        lag: 3,
        pending: 2,
        consumers: 1,
        lastDeliveredId: ids[1],
        oldestPendingAt: new Date(Number.parseInt(ids[0]!, 10)),
        deadLetters: 0,
        lostToTrim: 0,
      },
    ]);
    expect(await streams.info(uniqueService('none'))).toMatchObject({ length: 0, groups: [] });
  });

  it('trims by length, by id and by time', async () => {
    expect(await streams.trim(stream, { maxLen: 4 })).toBe(1);
    expect(await streams.trim(stream, { before: ids[2]! })).toBe(1);
    expect(data(await streams.range(stream))).toEqual([2, 3, 4]);
    expect(await streams.trim(stream, { before: new Date(Date.now() + 3_600_000) })).toBe(3);
  });

  it('gives back every dead letter, past what others left among them', async () => {
    const dead = `hydra:stream:${stream}:dead:g`;
    await redis.xgroup('CREATE', `hydra:stream:${stream}`, 'g', '0');
    const fill = redis.pipeline();
    for (let n = 0; n < 120; n++) fill.xadd(dead, '*', 'not', 'ours');
    fill.xadd(dead, '*', 'hydra-id', ids[0]!, 'hydra-reason', 'r', 'hydra-attempts', '1', 'hydra', '1');
    await fill.exec();
    expect(await streams.redrive(stream, 'all', { group: 'g' })).toBe(1);
    expect(await redis.xlen(dead)).toBe(120);
  });

  it('refuses values out of their limits', async () => {
    const attempts: (() => Promise<unknown>)[] = [
      () => streams.publish(stream, 1, { id: '' }),
      () => streams.publish(stream, 1, { maxLen: Number.NaN }),
      () => streams.publish(stream, 1, { maxLen: -1 }),
      () => streams.range(stream, { limit: 0 }),
      () => streams.range(stream, { limit: -1 }),
      () => streams.range(stream, { from: new Date(Number.NaN) }),
      () => streams.entries(stream, { limit: 0 }).next(),
      () => streams.trim(stream, { before: new Date(Number.NaN) }),
      () => streams.trim(stream, { maxLen: -1 }),
      () => streams.deadLetters(stream, { limit: 0 }),
    ];
    for (const attempt of attempts) await expect(attempt()).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('refuses what is not JSON, or too large', async () => {
    await expect(streams.publish(stream, 1n)).rejects.toMatchObject({ code: 'BAD_PAYLOAD' });
    await expect(streams.publish(stream, 'x'.repeat(2_000_000))).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
    });
    await expect(streams.replay(stream, 'g', 'soon')).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});
