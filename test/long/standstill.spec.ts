import { setTimeout as sleep } from 'node:timers/promises';

import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, fakeLegacyInstance, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

describe('a Redis that stands still for longer than a presence lives', () => {
  it('is no reason to call anybody dead, of few or of many', async () => {
    const redis = await startPrivateRedis();
    // Nobody gives up a connection meanwhile.
    const connection = { pingIntervalMs: 60_000 };
    const start = (service: string, ttlMs: number) =>
      startInstance({ service, redis: redis.url, connection, presence: { intervalMs: 1_000, ttlMs } });
    const [few, all] = [uniqueService('few'), uniqueService('all')];
    const lives = [2_500, 60_000, 60_000, 60_000, 60_000];
    const instances = await Promise.all([
      ...lives.map((ttlMs) => start(few, ttlMs)),
      ...[1, 2].map(() => start(all, 2_500)),
    ]);
    const commands = connectTo(redis.url);
    const old = uniqueService('old');
    await fakeLegacyInstance(commands, old, '5'.repeat(32)).beat();
    const watchers = instances.map(({ discovery }) => discovery);
    for (const discovery of watchers) await discovery.waitFor(few, { min: 5 });
    for (const discovery of watchers) await discovery.waitFor(old);
    const told: string[] = [];
    const listener = connectTo(redis.url);
    listener.on('message', (_channel: string, text: string) => told.push(text));
    await listener.subscribe(...[few, all, old].map((name) => instances[0]!.keys.announcements(name)));

    await redis.pause();
    await sleep(4_000);
    await redis.resume();
    const beats = instances.map(({ presence }) => presence.beatAt);
    await eventually(() => instances.every(({ presence }, index) => presence.beatAt > beats[index]!), {
      what: 'a heartbeat of each',
    });
    // Whoever looks for the dead has looked by then.
    await sleep(2_000);
    expect(told.filter((text) => / (lost|leave) /.test(text))).toEqual([]);
    for (const discovery of watchers) {
      expect(discovery.instances(few)).toHaveLength(5);
      expect(discovery.has(old)).toBe(true);
    }
  }, 40_000);
});
