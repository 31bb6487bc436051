import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { from, firstValueFrom } from 'rxjs';

import { DiscoveryService, HydraClient } from '../../lib/index.js';
import { createKeys } from '../../lib/protocol/keys.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { mutate, pick, randomFrom } from '../support/mutate.js';
import { startPrivateRedis } from '../support/redis.js';

/** HYDRA_FUZZ=full sends a million. */
const TEXTS = process.env['HYDRA_FUZZ'] === 'full' ? 1_000_000 : 50_000;
const BATCH = 500;
const SEED = 20_260_101;
const SERVICE = 'fuzzed';
const CALLER = 'fuzzing-client';
const STRANGER = `${'a'.repeat(32)}@stranger:/`;

@Controller()
class FuzzedController {
  @MessagePattern('sum')
  sum(numbers: unknown): unknown {
    return Array.isArray(numbers) ? numbers.length : numbers;
  }

  @MessagePattern('stream')
  stream() {
    return from([1, 2, 3]);
  }

  @EventPattern<string>('noted')
  noted(): void {}
}

/** What instances and Hydra 1.x processes really send, of every kind. */
function seedsFor(self: string, id: string): string[] {
  const items = [
    '[0,1,"sum",[1,2],500]',
    '[0,2,"stream",{},500,{"a":"b"}]',
    '[0,3,"sum",{"$hydra:bytes":"AAEC"},500,null,1]',
    '[1,4,"noted",{},null,0]',
    '[2,1,0,{"a":1}]',
    '[3,1,1,5]',
    '[4,1,{"status":"error","message":"x"}]',
    '[5,1,{"name":"HydraError","code":"DRAINING","message":"x","retryable":true}]',
    '[6,1]',
    '[7,[1,2,3]]',
    '[8,[1],[2],[3]]',
    '[9,1,512]',
    '[2,1,1,{"a":1},0,20]',
    '[10,1,65536]',
    '[0,9,"stream",{},500,null,0,1024]',
  ];
  const frames = items.map((item, seq) => `["h2","${STRANGER}",${seq},[1,0.5],${item}]`);
  const umf = { to: self, frm: STRANGER, mid: 'm-1', ts: '2026-01-01T00:00:00.000Z', ver: 'UMF/1.4.6' };
  const node = { serviceName: SERVICE, instanceID: id, version: '1.0.0', nest: { wire: 2, serves: true } };
  return [
    ...frames,
    `["h2","${STRANGER}",1,[0,0],${items.join(',')}]`,
    JSON.stringify({ ...umf, typ: 'sum', bdy: [1, 2], hdr: { a: 'b' }, tmo: 3 }),
    JSON.stringify({ ...umf, rmid: 'm-0', typ: 'reply', bdy: { a: { b: [1] } }, via: 'x:/', fwd: 'y:/' }),
    JSON.stringify(node),
  ];
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is really held, in MB. */
function heldMb(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return Math.round((heapUsed + external) / 2 ** 20);
}

describe(`${TEXTS.toLocaleString('en-US')} wrong texts on every channel`, () => {
  let service: TestService;
  let client: HydraClient;
  let redis: Redis;

  beforeAll(async () => {
    // Strangers are logged at a slow rate, but there are a great many here.
    Logger.overrideLogger(false);
    const { url } = await startPrivateRedis();
    redis = new Redis(url, { disconnectTimeout: 50 });
    service = await startService({ service: SERVICE, redis: url }, [FuzzedController]);
    client = new HydraClient({ service: SERVICE, name: CALLER, redis: url, timeoutMs: 5_000 });
    await client.connect();
  }, 30_000);
  afterAll(async () => {
    await client.close();
    await service.close();
    redis.disconnect();
  });

  const call = () => firstValueFrom(client.send('sum', [1, 2, 3]));

  it(
    `crash nothing, change no prototype and are not kept (seed ${SEED})`,
    async () => {
      expect(await call()).toBe(3);
      const discovery = service.app.get(DiscoveryService);
      const caller = await eventually(() => discovery.instances(CALLER)[0], { what: 'the caller' });
      const keys = createKeys();
      const channels = [
        keys.instanceChannel(SERVICE, service.id),
        keys.serviceChannel(SERVICE),
        keys.instanceChannel(CALLER, caller.id),
        keys.replyChannel(CALLER, caller.id),
        keys.announcements(SERVICE),
        keys.directoryChanges,
      ];
      const seeds = seedsFor(`${service.id}@${SERVICE}:/`, service.id);
      const random = randomFrom(SEED);
      const held: number[] = [];
      for (let sent = 0; sent < TEXTS; sent += BATCH) {
        const batch = redis.pipeline();
        for (let index = 0; index < BATCH; index++) {
          const text = mutate(seeds, random);
          const isAnnouncement = typeof text === 'string' && random() < 0.05;
          batch.publish(pick(channels, random), isAnnouncement ? `${sent} join ${text}` : text);
        }
        await batch.exec();
        if (sent % (TEXTS / 10) === 0) held.push(heldMb());
      }
      const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
      process.stdout.write(`held at each tenth, in MB: ${held.join(' ')}; RSS ${rss}\n`);

      // Whatever is thrown out of a listener fails the suite by itself.
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect({}).not.toHaveProperty('polluted');
      expect(await eventually(call, { what: 'the service to answer', timeoutMs: 15_000 })).toBe(3);
      // Callers and their calls are remembered, up to a number.
      expect(held.at(-1)! - held[0]!).toBeLessThan(64);
    },
    TEXTS / 2 + 40_000,
  );
});
