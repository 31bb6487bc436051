import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, range, toArray } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type HydraClientOptions, type HydraOptions } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

let made = 0;
let answered = 0;

@Controller()
class StreamController {
  @MessagePattern('one')
  one() {
    return ++answered;
  }

  @MessagePattern('never')
  never() {
    return new Promise(() => undefined);
  }

  @MessagePattern('range')
  range(count: number) {
    return range(0, count);
  }

  @MessagePattern('endless')
  async *endless() {
    for (made = 0; ; made++) yield made;
  }

  @MessagePattern('endless-rows')
  async *endlessRows() {
    for (made = 0; ; made++) yield 'x'.repeat(10_000);
  }
}

/** A generator is asked for no more once its caller holds it back. */
async function untilHeldBack(): Promise<void> {
  for (let before = -1; made !== before; await sleep(200)) before = made;
}

async function start(server: Partial<HydraOptions>, client: Partial<HydraClientOptions> = {}) {
  const service = uniqueService('codec');
  const redis = await testRedis();
  const started = await startService({ ...server, service, redis }, [StreamController]);
  const caller = new HydraClient(asOwnClient({ ...client, service, redis }));
  atEnd(() => caller.close());
  await caller.connect();
  return { started, caller };
}

const slowly = (ms: number) => ({
  serialize: async (packet: unknown) => {
    await sleep(ms);
    return packet;
  },
});

describe('a serializer that takes its time', () => {
  it('keeps a call in hand until its answer has left, also while its server stops', async () => {
    const { started, caller } = await start({ serializer: slowly(600) });
    const answer = firstValueFrom(caller.send('one', {}));
    await eventually(() => answered === 1, { what: 'the call to be handled' });
    const [value] = await Promise.all([answer, started.close()]);
    expect(value).toBe(1);
  });

  it('is not taken for a lost call by probes', async () => {
    const { caller } = await start({ serializer: slowly(20) }, { calls: { probeAfterMs: 20 } });
    const values = await lastValueFrom(caller.send('range', 50).pipe(toArray()));
    expect(values).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('holds a generator back', async () => {
    const { caller } = await start({ serializer: slowly(1) });
    await firstValueFrom(caller.send('endless', {}));
    // A window that waits for the serializer, and a window that the caller may be sent.
    expect(made).toBeLessThan(5_000);
  });

  it('holds a generator back while the deserializer of its caller is not done', async () => {
    let decoding = 0;
    const deserialize = async (packet: unknown) => {
      if (++decoding > 3) await new Promise(() => undefined);
      return packet;
    };
    const { caller } = await start({}, { deserializer: { deserialize }, timeoutMs: 20_000 });
    const rows: unknown[] = [];
    const subscription = caller.send('endless-rows', {}).subscribe((row) => rows.push(row));
    await eventually(() => rows.length === 3, { what: 'the first rows' });
    await untilHeldBack();
    // A share ahead of what was taken, one that asks for room, and one in the generator's hands.
    expect(made).toBeLessThan(20);
    subscription.unsubscribe();
  });

  it('fails a stream at the value that it cannot serialize, without a gap before', async () => {
    const serializer = {
      serialize: async (packet: { response?: unknown }) => {
        if (packet.response === 3) throw { status: 'error', message: 'not three' };
        return packet;
      },
    };
    const { caller } = await start({ serializer });
    const values: unknown[] = [];
    const stream = caller.send('range', 10);
    const ended = new Promise((resolve) => {
      stream.subscribe({
        next: (value) => values.push(value),
        error: resolve,
        complete: () => resolve('complete'),
      });
    });
    expect(await ended).toMatchObject({ message: 'not three' });
    expect(values).toEqual([0, 1, 2]);
  });
});

describe('the deadline of a call', () => {
  it('has the time of its serializer in it', async () => {
    const { caller } = await start({}, { serializer: slowly(1_900), timeoutMs: 2_000 });
    const startedAt = performance.now();
    await expect(firstValueFrom(caller.send('never', {}))).rejects.toMatchObject({ code: 'TIMEOUT' });
    // With the serializer's time on top it would be 3,900 ms at least.
    expect(performance.now() - startedAt).toBeLessThan(3_800);
  });

  it('ends also a wait for the deserializer', async () => {
    const deserializer = { deserialize: () => new Promise(() => undefined) };
    const { caller } = await start({}, { deserializer, timeoutMs: 300 });
    await expect(firstValueFrom(caller.send('one', {}))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('is told past a deserializer that knows answers only', async () => {
    const deserializer = {
      deserialize: (packet: { response: string }) => ({ ...packet, response: JSON.parse(packet.response) }),
    };
    const { caller } = await start({}, { deserializer, timeoutMs: 300 });
    await expect(firstValueFrom(caller.send('never', {}))).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});
