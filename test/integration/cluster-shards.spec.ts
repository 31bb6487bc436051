import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';

import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, type HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
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
