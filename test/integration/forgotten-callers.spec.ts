import { Redis } from 'ioredis';
import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';

import { createKeys } from '../../lib/protocol/keys.js';
import { decodeFrame, encodeFrame, encodeItem, Kind, type Item } from '../../lib/protocol/rpc.js';
import { createInstanceId } from '../../lib/registry/presence/instance-id.js';
import { systemRandom } from '../../lib/runtime/random-source.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

/** More than an instance keeps account of. */
const OTHERS = 2_500;
const keys = createKeys();
let handled = 0;

@Controller()
class CountingController {
  @MessagePattern('count')
  count(): number {
    return ++handled;
  }
}

describe('a caller among more than can be remembered', () => {
  it('is never told that a call of its own which ran has not come', async () => {
    const redis = await testRedisUrl();
    const service = uniqueService('popular');
    const { id } = await startService({ service, redis }, [CountingController]);
    const [commands, subscriber] = [new Redis(redis), new Redis(redis)];
    for (const connection of [commands, subscriber]) atEnd(async () => connection.disconnect());
    const callers = uniqueService('crowd');
    const first = createInstanceId(systemRandom);
    const answers: Item[] = [];
    subscriber.on('message', (_channel: string, wire: string) =>
      answers.push(...(decodeFrame(wire)?.items ?? [])),
    );
    await subscriber.subscribe(keys.replyChannel(callers, first));

    const frame = (from: string, ...item: Item) =>
      encodeFrame(`${from}@${callers}:/`, 0, [0, 0], [encodeItem(...item)]);
    const send = (from: string, ...item: Item) =>
      commands.publish(keys.instanceChannel(service, id), frame(from, ...item));
    const probed = async (...ids: number[]) => {
      answers.length = 0;
      await send(first, Kind.probe, ids);
      const [, ...found] = await eventually(() => answers.find(([kind]) => kind === Kind.probed), {
        what: 'the answer to the probe',
        timeoutMs: 20_000,
      });
      return found;
    };

    await send(first, Kind.call, 7, 'count', {}, 60_000);
    await eventually(() => handled === 1, { what: 'the first call' });
    // Nobody is forgotten yet: what did not come is known.
    expect(await probed(7, 8)).toEqual([[], [7], [8]]);

    for (let other = 0; other < OTHERS; other++) {
      void send(createInstanceId(systemRandom), Kind.call, 3, 'count', {}, 60_000);
    }
    await eventually(() => handled === OTHERS + 1, { what: 'the calls of all others', timeoutMs: 60_000 });

    // 6 may have come as well as 7. Nobody who is forgotten had come as far as 8.
    expect(await probed(6, 7, 8)).toEqual([[], [6, 7], [8]]);
    await send(first, Kind.call, 9, 'count', {}, 60_000);
    await eventually(() => handled === OTHERS + 2, { what: 'a later call' });
    expect(await probed(7, 8, 9, 10)).toEqual([[], [7, 9], [8, 10]]);
  });
});
