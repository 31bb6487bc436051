import { Controller, Logger } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { HydraError, StreamPattern, StreamService } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Task {
  readonly n: number;
  readonly key: string;
  readonly isDoomed: boolean;
}

const stream = uniqueService('filled');
const key = `hydra:stream:${stream}`;
const handled = new Set<number>();
let isMended = false;
let open: () => void = () => undefined;
const opened = new Promise<void>((resolve) => (open = resolve));

@Controller()
class Ordered {
  @StreamPattern(stream, {
    group: 'ordered',
    from: 'beginning',
    orderBy: 'key',
    attempts: 2,
    backoff: { minMs: 1 },
  })
  async handle(@Payload() { n, isDoomed }: Task): Promise<void> {
    await opened;
    if (isDoomed && !isMended) throw new Error('no use');
    handled.add(n);
  }
}

@Controller()
class Plain {
  @StreamPattern(stream, { group: 'plain', from: 'beginning' })
  async handle(): Promise<void> {
    await opened;
  }
}

let url: string;
let admin: Redis;

beforeAll(async () => {
  Logger.overrideLogger(false);
  ({ url } = await startPrivateRedis());
  admin = new Redis(url);
  atEnd(() => admin.disconnect());
});

const usedMemory = async () => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);

/** Publishes until Redis refuses; resolves with what was stored, and the refusal. */
async function fillUp(streams: StreamService): Promise<{ published: Task[]; refusal: unknown }> {
  await admin.config('SET', 'maxmemory-policy', 'noeviction');
  await admin.config('SET', 'maxmemory', String((await usedMemory()) + 2_000_000));
  const published: Task[] = [];
  for (let count = 0; ; count += 50) {
    const tasks = Array.from({ length: 50 }, (_, at) => taskOf(count + at));
    const stored = await Promise.allSettled(tasks.map((task) => streams.publish(stream, task)));
    // Of the last ones some may be refused, and later ones stored.
    published.push(...tasks.filter((_, at) => stored[at]!.status === 'fulfilled'));
    const refused = stored.find((result) => result.status === 'rejected');
    if (refused) return { published, refusal: refused.reason };
  }
}

const taskOf = (n: number) => ({
  n,
  key: `k${n % 7}`,
  isDoomed: n % 100 === 50,
  text: 'x'.repeat(1_000),
});

describe('a Redis that is full', () => {
  it('refuses publications with a typed error, and every group goes on to its end', async () => {
    const workers = await Promise.all(
      [Ordered, Plain, Ordered].map((handlers) =>
        startService({ service: uniqueService('drain'), redis: url }, [handlers]),
      ),
    );
    const { app } = await startCaller({ service: uniqueService('filler'), redis: url }, []);
    const streams = app.get(StreamService);
    const { published, refusal } = await fillUp(streams);
    expect(refusal).toBeInstanceOf(HydraError);
    expect(refusal).toMatchObject({ code: 'REDIS_UNAVAILABLE', retryable: true });
    // What Redis counts goes up and down with the buffers of its clients: half a megabyte below it is full in any case.
    await admin.config('SET', 'maxmemory', String((await usedMemory()) - 500_000));
    for (const options of [{}, { id: 'late' }, { maxLen: 1_000_000 }]) {
      await expect(streams.publish(stream, taskOf(0), options)).rejects.toThrow('OOM');
    }

    open();
    const doomed = published.filter(({ isDoomed }) => isDoomed);
    const rest = async () =>
      (await streams.info(stream)).groups.map(({ lag, pending, deadLetters }) => [lag, pending, deadLetters]);
    const isDrained = async () => {
      const groups = await rest();
      return groups.length === 2 && groups.every(([lag, pending]) => lag === 0 && pending === 0);
    };
    await eventually(isDrained, { what: 'both groups to have handled all', timeoutMs: 20_000 });
    expect(handled.size).toBe(published.length - doomed.length);
    expect(await rest()).toEqual([
      [0, 0, doomed.length],
      [0, 0, 0],
    ]);
    await expect(streams.publish(stream, taskOf(0))).rejects.toThrow('OOM');

    // What frees memory may run all the while.
    isMended = true;
    expect(await streams.redrive(stream, 'all', { group: 'ordered' })).toBe(doomed.length);
    await eventually(isDrained, { what: 'what was redriven' });
    expect(handled.size).toBe(published.length);
    await streams.replay(stream, 'plain', 'beginning');
    await eventually(isDrained, { what: 'what is replayed' });
    expect(await streams.trim(stream, { maxLen: 10 })).toBe(published.length - 10);
    const isTaken = async () => (await streams.publish(stream, taskOf(0), { id: 'late' })) !== '';
    await eventually(() => isTaken().catch(() => false), { what: 'a publication to be taken' });
    for (const worker of workers) await worker.close();
    expect(await admin.xlen(key)).toBeGreaterThan(10);
    await app.close();
  }, 90_000);
});
