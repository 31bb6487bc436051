import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import type { Cluster } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { HydraClient, type HydraError } from '../../lib/index.js';
import { slotOf } from '../../lib/redis/slot-publish.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startInstance } from '../support/registry.js';
import { ownerOf, startCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const runs = new Map<number, number>();

@Controller()
class Counter {
  @MessagePattern('work')
  work(n: number): number {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return n;
  }
}

it('a primary of a Cluster returns as a replica: what it counts as received by nobody, and hands on to the new one, is called once', async () => {
  const cluster = await startCluster(true);
  const service = uniqueService('counted');
  const redis = { cluster: cluster.seeds };
  await Promise.all([1, 2].map(() => startService({ service, redis }, [Counter])));
  const caller = await startInstance({ service: uniqueService('caller'), redis }, { announce: false });
  const client = new HydraClient({ service, timeoutMs: 8_000 }, caller);
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 20_000 });
  const owner = await ownerOf(cluster, `{${service}}`);
  await cluster.nodes[owner]!.pause();
  const hasRole = (node: number, role: string) => async () =>
    String(await cluster.on(node, 'INFO', 'replication')).includes(`role:${role}`);
  await eventually(hasRole(owner + 3, 'master'), { what: 'a failover', timeoutMs: 30_000 });
  await cluster.nodes[owner]!.resume();
  await eventually(hasRole(owner, 'slave'), { what: 'its return as a replica', timeoutMs: 30_000 });
  const subscribers = async () =>
    ((await cluster.on(owner + 3, 'PUBSUB', 'SHARDCHANNELS', `*{${service}}*`)) as string[]).length;
  await eventually(async () => (await subscribers()) >= 2, { what: 'the subscribers', timeoutMs: 30_000 });

  const { slots } = caller.redis.commands as Cluster;
  const outcomes: string[] = [];
  for (let n = 0; n < 20; n++) {
    // As of a process that does not know yet.
    slots[slotOf(`{${service}}`)] = [`127.0.0.1:${cluster.nodes[owner]!.port}`];
    outcomes.push(
      await firstValueFrom(client.send('work', n)).then(
        () => 'ok',
        (error: HydraError) => error.code,
      ),
    );
  }
  expect(outcomes).toEqual(outcomes.map(() => 'ok'));
  expect([...runs].filter(([, count]) => count > 1)).toEqual([]);
}, 90_000);
