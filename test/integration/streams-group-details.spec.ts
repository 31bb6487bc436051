import { Controller } from '@nestjs/common';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('entries');
const held: (() => void)[] = [];

@Controller()
class Holding {
  @StreamPattern(stream, { group: 'shop', from: 'beginning' })
  entry(): Promise<void> {
    return new Promise((resolve) => held.push(resolve));
  }
}

describe('a group of a stream in detail', () => {
  it('tells who reads it, what is pending and with whom, page by page', async () => {
    const { app } = await startService({ service: uniqueService('shop'), redis: await testRedisUrl() }, [
      Holding,
    ]);
    const [streams, instance] = [app.get(StreamService), app.get(HydraInstance)];
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push(await streams.publish(stream, { n }));
    await eventually(() => held.length === 3, { what: 'three entries that are handled' });
    const key = instance.keys.stream(stream);
    await connectTo(await testRedisUrl()).xgroup('CREATECONSUMER', key, 'shop', 'a foreign program');

    const consumers = await streams.consumers(stream, 'shop');
    expect(consumers.map(({ name, pending }) => [name, pending])).toEqual([
      [instance.id, 3],
      ['a foreign program', 0],
    ]);
    expect(consumers.every(({ idleMs }) => idleMs >= 0)).toBe(true);
    const first = await streams.pending(stream, 'shop', { limit: 2 });
    expect(first.map(({ id, consumer, deliveries }) => [id, consumer, deliveries])).toEqual([
      [ids[0], instance.id, 1],
      [ids[1], instance.id, 1],
    ]);
    const rest = await streams.pending(stream, 'shop', { after: ids[1]! });
    expect(rest.map(({ id }) => id)).toEqual([ids[2]]);

    for (const end of held) end();
    await eventually(async () => (await streams.pending(stream, 'shop')).length === 0, { what: 'none' });
  });

  it('refuses what is no name, no id and no option, and says where there is no group', async () => {
    const { app } = await startService({ service: uniqueService('shop'), redis: await testRedisUrl() }, []);
    const streams = app.get(StreamService);
    const refused = { code: 'BAD_OPTION' };
    await expect(streams.consumers('', 'shop')).rejects.toMatchObject(refused);
    await expect(streams.pending(stream, '')).rejects.toMatchObject(refused);
    await expect(streams.pending(stream, 'shop', { after: 'x' })).rejects.toMatchObject(refused);
    await expect(streams.pending(stream, 'shop', { most: 1 } as object)).rejects.toMatchObject(refused);
    const unavailable = { code: 'REDIS_UNAVAILABLE', retryable: false };
    await expect(streams.consumers(stream, 'nobody')).rejects.toMatchObject(unavailable);
    await expect(streams.pending(stream, 'nobody')).rejects.toMatchObject(unavailable);
  });
});
