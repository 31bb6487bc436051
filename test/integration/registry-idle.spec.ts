import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';

import { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { scaled } from '../support/pace.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, sentWhile, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const WINDOW_MS = 20_000;
const COMMANDS_PER_SECOND = 3;

@Controller()
class IdleController {
  @MessagePattern('sum')
  sum(numbers: readonly number[]): number {
    return numbers.reduce((total, number) => total + number, 0);
  }
}

describe('an instance that has nothing to do', () => {
  it.each([1, 3])(
    'sends three commands a second at most, all upkeep included, where %d of its service run',
    async (count) => {
      const { url } = await startPrivateRedis();
      const options = { service: uniqueService('idle'), redis: url };
      const services = await Promise.all(
        Array.from({ length: count }, () => startService(options, [IdleController])),
      );
      const { discovery, keys } = services[0]!.app.get(HydraInstance);
      await discovery.waitFor(options.service, { min: count });
      const sent = await sentWhile(url, () => sleep(WINDOW_MS));
      // Who sends nothing at all is not idle.
      const isRenewed = (id: string) =>
        sent.some((words) => words.includes(keys.presence(options.service, id)));
      expect(services.filter(({ id }) => isRenewed(id))).toHaveLength(count);
      expect(sent.length / count / (WINDOW_MS / 1_000)).toBeLessThanOrEqual(COMMANDS_PER_SECOND);
      await Promise.all(services.map(({ close }) => close()));
    },
    60_000,
  );

  it('notices within twice the interval of PINGs that nothing comes through any more', async () => {
    const { url } = await startPrivateRedis();
    const proxy = await startProxy(url);
    const instance = await startInstance({ service: uniqueService('cut'), redis: proxy.url });
    const { pingIntervalMs } = instance.options.connection;
    // Its heartbeats stand for PINGs by now.
    const beatAt = instance.presence.beatAt;
    await eventually(() => instance.presence.beatAt > beatAt, { what: 'a heartbeat' });
    const cutAt = performance.now();
    proxy.freeze();
    await eventually(() => !instance.redis.isReady, { what: 'the loss', timeoutMs: 20_000 });
    expect(performance.now() - cutAt).toBeLessThan(scaled(2 * pingIntervalMs + 250, cutAt));
    proxy.thaw();
    await eventually(() => instance.redis.isReady, { what: 'the connection', timeoutMs: 20_000 });
  }, 60_000);

  it('notices that its server has become a replica, also where that takes writes', async () => {
    const [{ url }, other] = await Promise.all([startPrivateRedis(), startPrivateRedis()]);
    const connection = { pingIntervalMs: 600 };
    const options = {
      service: uniqueService('demoted'),
      redis: url,
      connection,
      presence: { intervalMs: 200 },
    };
    const instance = await startInstance(options);
    const beatAt = instance.presence.beatAt;
    await eventually(() => instance.presence.beatAt > beatAt, { what: 'a heartbeat' });
    let isLost = false;
    instance.redis.onState((state) => (isLost ||= state === 'lost'));
    const admin = connectTo(url);
    await admin.config('SET', 'replica-read-only', 'no');
    const demotedAt = performance.now();
    await admin.replicaof(new URL(other.url).hostname, Number(new URL(other.url).port));
    await eventually(() => isLost, { what: 'the loss', timeoutMs: 20_000 });
    expect(performance.now() - demotedAt).toBeLessThan(scaled(6 * connection.pingIntervalMs, demotedAt));
  }, 60_000);

  it('finds the dead of its service by its heartbeats, as soon as by a look', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('mourned');
    const options = { service, redis: url };
    const [witness, ...others] = await Promise.all([1, 2, 3, 4].map(() => startInstance(options)));
    await witness!.discovery.waitFor(service, { min: 4 });
    const redis = connectTo(url);
    const [dying] = others;
    const presence = witness!.keys.presence(service, dying!.id);
    dying!.redis.close();
    await eventually(async () => (await redis.exists(presence)) === 0, {
      what: 'the end of its presence',
      timeoutMs: 10_000,
      everyMs: 5,
    });
    const endedAt = performance.now();
    await eventually(() => witness!.discovery.instances(service).length === 3, {
      what: 'its loss to be known',
      everyMs: 5,
    });
    expect(performance.now() - endedAt).toBeLessThan(scaled(1_100, endedAt));
    expect(await redis.hexists(witness!.keys.instances(service), dying!.id)).toBe(0);
  }, 60_000);
});
