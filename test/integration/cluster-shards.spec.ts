import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { publishOn } from '../../lib/redis/slot-publish.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { addFormerUser, moveSlot, startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const CALLS = 200;
const VALUES = Array.from({ length: 100 }, (_, n) => n);
const told: unknown[] = [];
let runs = 0;
let held = 0;

@Controller()
class Everything {
  @MessagePattern('one')
  one(n: number): number {
    runs++;
    return n;
  }

  @MessagePattern('many')
  async *many(): AsyncGenerator<number> {
    yield* VALUES;
  }

  /** Answers once it was told of the value. */
  @MessagePattern('after')
  async after(value: string): Promise<string> {
    held++;
    await eventually(() => told.includes(value), { what: 'the event' });
    return value;
  }

  @EventPattern('told')
  told(data: unknown): void {
    told.push(data);
  }
}

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startCluster(false);
}, 60_000);

/** What all nodes together did since the last time: messages published, and those that crossed the bus. */
async function published(): Promise<{ everywhere: number; inShard: number; onBus: number }> {
  const sums = { everywhere: 0, inShard: 0, onBus: 0 };
  for (const node of cluster.nodes.keys()) {
    const stats = String(await cluster.on(node, 'INFO', 'commandstats'));
    const bus = String(await cluster.on(node, 'CLUSTER', 'INFO'));
    sums.everywhere += Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    sums.inShard += Number(/cmdstat_spublish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    sums.onBus += Number(/cluster_stats_messages_publish_sent:(\d+)/.exec(bus)?.[1] ?? 0);
    sums.onBus += Number(/cluster_stats_messages_publishshard_sent:(\d+)/.exec(bus)?.[1] ?? 0);
  }
  return sums;
}

async function onAll(...command: [string, ...string[]]): Promise<void> {
  for (const node of cluster.nodes.keys()) await cluster.on(node, ...command);
}

async function addUser(name: string) {
  await onAll('ACL', 'SETUSER', name, 'on', `>${name}`, '~*', '&*', '+@all');
  return { cluster: cluster.seeds, options: { redisOptions: { username: name, password: name } } };
}

async function connect(options: HydraOptions, instances = 1): Promise<HydraClient> {
  const client = new HydraClient({ timeoutMs: 5_000, ...options });
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === instances, { what: 'the instances' });
  return client;
}

async function useAll(client: HydraClient): Promise<void> {
  const before = runs;
  const calls = Array.from({ length: CALLS }, (_, n) => firstValueFrom(client.send<number>('one', n)));
  expect(await Promise.all(calls)).toHaveLength(CALLS);
  expect(runs - before).toBe(CALLS);
  expect(await lastValueFrom(client.send('many', 0).pipe(toArray()))).toEqual(VALUES);
  await firstValueFrom(client.emit('told', before), { defaultValue: undefined });
  await eventually(() => told.includes(before), { what: 'the event' });
}

describe('a message on a Cluster', () => {
  it('costs one shard only, and reaches none of the others', async () => {
    const service = uniqueService('sharded');
    const redis = { cluster: cluster.seeds };
    await startService({ service, redis }, [Everything]);
    const client = await connect({ service, redis });
    await useAll(client);
    const before = await published();
    for (let n = 0; n < CALLS; n++) await firstValueFrom(client.send('one', n));
    const after = await published();
    const inShard = after.inShard - before.inShard;
    // A call and its answer each; and words that a process says to itself.
    expect(inShard).toBeGreaterThanOrEqual(2 * CALLS);
    expect(inShard).toBeLessThan(2.2 * CALLS);
    expect(after.everywhere - before.everywhere).toBe(0);
    expect(after.onBus - before.onBus).toBe(0);
  }, 60_000);

  it('is understood by members that do without sharded pub/sub, both ways', async () => {
    const redis = { cluster: cluster.seeds };
    const former = await addFormerUser(cluster);
    for (const [atService, atClient] of [
      [former, redis],
      [redis, former],
      [former, former],
    ]) {
      const service = uniqueService('mixed');
      await startService({ service, redis: atService! }, [Everything]);
      await useAll(await connect({ service, redis: atClient! }));
    }
  }, 60_000);

  it('stays within its shard between two that listen so, after a broadcast that went everywhere', async () => {
    const service = uniqueService('mixed-then');
    const redis = { cluster: cluster.seeds };
    await startService({ service, redis }, [Everything]);
    const { close } = await startService({ service, redis: await addFormerUser(cluster) }, [Everything]);
    const client = await connect({ service, redis }, 2);
    await useAll(client);
    const before = told.length;
    // The answers leave after the broadcast arrived: one that followed it would come everywhere, too. Both instances give one.
    const answers = Promise.all([1, 2, 3, 4].map(() => firstValueFrom(client.send('after', 'all'))));
    await eventually(() => held === 4, { what: 'the calls to arrive' });
    await firstValueFrom(client.broadcast('told', 'all'), { defaultValue: undefined });
    expect(await answers).toEqual(['all', 'all', 'all', 'all']);
    expect(told.length).toBe(before + 2);
    await close();
    await eventually(() => client.instances.length === 1, { what: 'one instance' });
    const first = await published();
    for (let n = 0; n < CALLS; n++) await firstValueFrom(client.send('one', n));
    const last = await published();
    expect(last.inShard - first.inShard).toBeGreaterThanOrEqual(2 * CALLS);
    expect(last.everywhere - first.everywhere).toBeLessThan(CALLS / 10);
  }, 60_000);

  it('reaches a caller that may not listen within its shard any more', async () => {
    const service = uniqueService('withdrawn');
    const later = await addUser('later');
    await startService({ service, redis: { cluster: cluster.seeds } }, [Everything]);
    const client = await connect({ service, redis: later });
    await useAll(client);
    await onAll('ACL', 'SETUSER', 'later', '-ssubscribe');
    await onAll('CLIENT', 'KILL', 'USER', 'later');
    // Each value once and in order, though the first answers still go to the shard.
    for (let n = 0; n < 3; n++) await useAll(client);
  }, 60_000);

  it('has an unknown number of receivers when it was sent everywhere, because SPUBLISH is refused', async () => {
    const service = uniqueService('refused');
    const redis = await addUser('silenced');
    const { app } = await startService({ service, redis }, [Everything]);
    const { shards } = app.get(HydraInstance).redis;
    const channel = `hydra:service:mc:{${service}}:nobody`;
    expect(await shards.publish(channel, 'echo')).toBe(0);
    await onAll('ACL', 'SETUSER', 'silenced', '-spublish');
    expect(await shards.publish(channel, 'echo')).toBeUndefined();
    expect(await shards.publish(channel, 'echo')).toBeUndefined();
  }, 60_000);

  it('keeps its place among others to the same channel, whichever of the two ways each of them takes', async () => {
    const service = uniqueService('ordered');
    const redis = { cluster: cluster.seeds };
    const { app } = await startService({ service, redis }, [Everything]);
    const sender = await startService({ service: uniqueService('sender'), redis }, [Everything]);
    const channel = `hydra:service:mc:{${service}}:order`;
    const heard: string[] = [];
    const subscription = app
      .get(HydraInstance)
      .redis.subscribe(channel, (text, isInShard) => heard.push(`${text} ${isInShard}`), 'own shard too');
    await subscription.confirmed();
    const { commands, shards } = sender.app.get(HydraInstance).redis;
    const sent = Array.from({ length: 1_000 }, (_, n) => `${n} ${n % 3 === 0}`);
    await Promise.all(
      sent.map((_, n) =>
        n % 3 === 0 ? shards.publish(channel, `${n}`) : publishOn(commands, channel, `${n}`),
      ),
    );
    await eventually(() => heard.length === sent.length, { what: 'all of them' });
    expect(heard).toEqual(sent);
    subscription.unsubscribe();
  }, 60_000);

  it('proves by its count that nobody received it', async () => {
    const service = uniqueService('counted');
    const redis = { cluster: cluster.seeds };
    const { app } = await startService({ service, redis }, [Everything]);
    const { redis: connections, discovery } = app.get(HydraInstance);
    await discovery.waitFor(service);
    const [instance] = discovery.instances(service);
    const channel = `hydra:service:mc:{${service}}:${instance!.id}`;
    expect(instance!.capabilities).toMatchObject({ sharded: true });
    expect(connections.countsProve(undefined)).toBe(true);
    expect(await connections.shards.countSubscribers(channel, true)).toBe(1);
    expect(await connections.shards.publish(channel, 'echo')).toBe(1);
    expect(await connections.shards.publish(`${channel}0`, 'echo')).toBe(0);
  }, 60_000);
});

describe('the slot of a service', () => {
  it('moves to another node and back under load, and nothing fails or runs twice', async () => {
    const service = uniqueService('moved');
    const redis = { cluster: cluster.seeds };
    for (let n = 0; n < 2; n++) await startService({ service, redis }, [Everything]);
    const client = await connect({ service, redis }, 2);
    const before = runs;
    const moving = (async () => {
      for (let round = 0; round < 4; round++) {
        await moveSlot(cluster, `{${service}}`);
        await sleep(400);
      }
    })();
    const { outcomes, total } = await load((n) => firstValueFrom(client.send('one', n)), 200, moving);
    expect(outcomes).toEqual({ ok: total });
    expect(runs - before).toBe(total);
  }, 60_000);
});
