import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { HydraClient } from '../../lib/index.js';
import { createKeys } from '../../lib/protocol/keys.js';
import { decodeFrame } from '../../lib/protocol/rpc.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const LIMIT = 16_384;

@Controller()
class EchoController {
  @MessagePattern('echo')
  echo(@Payload() text: string): string {
    return text;
  }
}

/** Makes as many calls at once, and tells of each frame that carried them: how many, and how long all its items are. */
async function framesOf(calls: number, text: string): Promise<{ items: number; characters: number }[]> {
  const service = uniqueService('frames');
  const redis = await testRedisUrl();
  const { id } = await startService({ service, redis }, [EchoController]);
  const listener = new Redis(redis);
  const client = new HydraClient({ service, redis });
  atEnd(() => client.close());
  atEnd(() => listener.disconnect());
  await client.connect();
  const frames: { items: number; characters: number }[] = [];
  listener.on('message', (_channel, wire: string) => {
    const items = decodeFrame(wire)?.items.filter(([kind]) => kind === 0) ?? [];
    const characters = items.reduce((sum, item) => sum + JSON.stringify(item).length, 0);
    if (items.length > 0) frames.push({ items: items.length, characters });
  });
  await listener.subscribe(createKeys().instanceChannel(service, id));
  const sent = Array.from({ length: calls }, () => firstValueFrom(client.send<string>('echo', text)));
  expect(await Promise.all(sent)).toEqual(Array.from({ length: calls }, () => text));
  const heard = () => frames.reduce((sum, { items }) => sum + items, 0) === calls;
  await eventually(heard, { what: 'the frames of all calls' });
  return frames;
}

describe('calls that are made at once', () => {
  it('share frames of at most 16,384 characters', async () => {
    const frames = await framesOf(100, 'x'.repeat(1_000));
    for (const { characters } of frames) expect(characters).toBeLessThanOrEqual(LIMIT);
    // As full as they can be: not a frame for each.
    expect(frames.length).toBeLessThanOrEqual(8);
  });

  it('have a frame each where one alone is longer', async () => {
    const frames = await framesOf(3, 'x'.repeat(20_000));
    expect(frames.map(({ items }) => items)).toEqual([1, 1, 1]);
  });
});
