import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';

import { StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('held');
const service = allow(uniqueService('service'), { consumes: [stream] });
const begun: number[] = [];
let fails = true;
let release: () => void = () => undefined;
const held = new Promise<void>((resolve) => (release = resolve));

@Controller()
class Handlers {
  @StreamPattern(stream, { attempts: 1, from: 'beginning' })
  async handle(@Payload() n: number): Promise<void> {
    if (fails) throw new Error('no');
    begun.push(n);
    if (n === 1) await held;
  }
}

describe('redrive', () => {
  it('leaves alone the dead letter of an entry that a living instance has in flight again', async () => {
    const redis = await testRedis();
    const start = () => startService({ service, redis }, [Handlers]);
    const servers = [await start(), await start()];
    const streams = servers[0]!.app.get(StreamService);
    await streams.publish(stream, 1);
    await eventually(async () => (await streams.deadLetters(stream)).length === 1, { what: 'a letter' });
    fails = false;
    await streams.replay(stream, service, 'beginning');
    await eventually(() => begun.length === 1, { what: 'the entry to run again' });

    expect(await streams.redrive(stream, 'all')).toBe(0);
    expect(await streams.deadLetters(stream)).toHaveLength(1);
    // More than a heartbeat of each instance: what nobody holds would have been claimed.
    await streams.publish(stream, 2);
    await eventually(() => begun.includes(2), { what: 'the next entry' });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(begun).toEqual([1, 2]);

    release();
    const pending = async () => (await streams.info(stream)).groups[0]?.pending;
    await eventually(async () => (await pending()) === 0, { what: 'the acknowledgement' });
    expect(await streams.redrive(stream, 'all')).toBe(1);
    await eventually(() => begun.length === 3, { what: 'the redriven entry' });
    expect(begun).toEqual([1, 2, 1]);
    await Promise.all(servers.map((server) => server.close()));
  }, 30_000);
});
