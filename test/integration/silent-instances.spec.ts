import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraRecordBuilder } from '../../lib/index.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import type { RemoteInstance } from '../../lib/transport/wire/remote-instances.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { startProxy, type Proxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo, startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

let handled = 0;

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }

  @EventPattern<string>('seen')
  seen(): void {
    handled++;
  }
}

const failureOf = async (sent: Promise<unknown>) => {
  const startedAt = performance.now();
  const error: unknown = await sent.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return { error, tookMs: performance.now() - startedAt };
};

describe('the only instance of a service, when its connections are cut', () => {
  let redis: string;
  let proxy: Proxy;
  let caller: HydraInstance;
  let client: HydraClient;
  const service = uniqueService('only');

  beforeAll(async () => {
    redis = (await startPrivateRedis()).url;
    proxy = await startProxy(redis);
    await startService({ service, redis: proxy.url }, [PingController]);
    // What the instance had received is lost if it is not back after twice that time, which a busy machine may need.
    const calls = { probeAfterMs: 2_000 };
    caller = await startInstance({ service: uniqueService('caller'), redis, calls }, { announce: false });
    client = new HydraClient({ service }, caller);
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
  });

  /** Calls every few milliseconds while the connections are cut, and for a while after. */
  async function duringACut(send: () => Promise<unknown>): Promise<unknown[]> {
    const sent: Promise<unknown>[] = [];
    for (let count = 0; count < 60; count++) {
      if (count === 10) proxy.sever();
      sent.push(send().catch((error: unknown) => error));
      await sleep(5);
    }
    return Promise.all(sent);
  }

  it('is waited for by every call', async () => {
    const answers = await duringACut(() => firstValueFrom(client.send('ping', {})));
    expect(new Set(answers)).toEqual(new Set(['pong']));
  });

  it('is waited for by every call that is meant for it alone', async () => {
    const bound = client.to(client.instances[0]!.id);
    const answers = await duringACut(() => firstValueFrom(bound.send('ping', {})));
    expect(new Set(answers)).toEqual(new Set(['pong']));
  });

  it('is waited for by calls and events that would go into the queue if it were not up', async () => {
    const record = () => new HydraRecordBuilder({}).setFallback('queue').build();
    const answers = await duringACut(() => firstValueFrom(client.send('ping', record())));
    expect(new Set(answers)).toEqual(new Set(['pong']));
    handled = 0;
    const sent = await duringACut(() =>
      firstValueFrom(client.emit('seen', record()), { defaultValue: 'sent' }),
    );
    expect(sent.filter((error) => error instanceof Error)).toEqual([]);
    // One that was on its way when the connection was cut is lost, as events may be.
    await eventually(() => handled > sent.length / 2, { what: 'the events' });
    expect(await connectTo(redis).llen(caller.keys.waiting(service))).toBe(0);
  });

  it('stays among the instances that discovery knows', async () => {
    const seen: boolean[] = [];
    await duringACut(async () => {
      seen.push(caller.discovery.has(service));
      return firstValueFrom(client.send('ping', {}));
    });
    expect(seen).not.toContain(false);
  });

  it('is trusted again as soon as it is heard of, in whatever way', async () => {
    const view = await caller.discovery.viewOf(service);
    const [{ id } = { id: '' }] = client.instances;
    const peer = {
      address: `${id}@${service}:/`,
      id,
      service,
      replyChannel: '',
    } as unknown as RemoteInstance;
    view.suspect(id, 'unreached');
    expect(view.isSuspect({ id })).toBe(true);
    caller.onItems(peer, [0, 0], []);
    expect(view.isSuspect({ id })).toBe(false);
    // That it stops it says itself, and a frame from it does not change that.
    view.suspect(id, 'stopping');
    caller.onItems(peer, [0, 0], []);
    expect(view.isSuspect({ id })).toBe(true);
    await eventually(() => !view.isSuspect({ id }), { what: 'the suspicion to lapse' });
  });
});

describe('a service of which nobody is up', () => {
  it('is waited for while its instances were merely not reached, up to half of the call’s time or a second', async () => {
    const { url } = await startPrivateRedis();
    const service = uniqueService('dead');
    const server = await startInstance({ service, redis: url }, { announce: false });
    await server.presence.update({ capabilities: { acceptsCalls: true } });
    await server.announce();
    const client = new HydraClient({ service, redis: url });
    await client.connect();
    await eventually(() => client.instances.length === 1, { what: 'the instance' });
    // Its connections are gone at once, and its presence is still there for seconds.
    server.redis.close();
    const commands = connectTo(url);
    const channel = server.keys.instanceChannel(service, server.id);
    await eventually(async () => (await commands.pubsub('NUMSUB', channel))[1] === 0, { what: 'the end' });
    const send = (timeoutMs: number) =>
      failureOf(
        firstValueFrom(client.send('ping', new HydraRecordBuilder({}).setTimeout(timeoutMs).build())),
      );
    const [short, long] = await Promise.all([send(600), send(10_000)]);
    for (const { error } of [short, long]) expect(error).toMatchObject({ code: 'NO_INSTANCE' });
    expect(short.tookMs).toBeGreaterThan(250);
    expect(short.tookMs).toBeLessThan(long.tookMs);
    expect(long.tookMs).toBeGreaterThan(900);
    expect(long.tookMs).toBeLessThan(5_000);
    await client.close();
  });

  it('is not waited for where none is known', async () => {
    const { url } = await startPrivateRedis();
    const client = new HydraClient({ service: uniqueService('none'), redis: url });
    await client.connect();
    const times: number[] = [];
    for (let n = 0; n < 3; n++) {
      const { error, tookMs } = await failureOf(firstValueFrom(client.send('ping', {})));
      expect(error).toMatchObject({ code: 'NO_INSTANCE' });
      times.push(tookMs);
    }
    // It would be a second each time; a busy machine may be slow once.
    expect(Math.min(...times)).toBeLessThan(900);
    await client.close();
  });
});
