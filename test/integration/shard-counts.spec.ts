import { Cluster, Redis } from 'ioredis';

import { ShardOwners } from '../../lib/redis/shard-owners.js';
import { publishToShard } from '../../lib/redis/slot-publish.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { ownerOf, startCluster, type TestCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

/** A process that has not met the Cluster before. */
async function newcomer(cluster: TestCluster, channel: string) {
  const client = new Cluster([...cluster.seeds], { shardedSubscribers: false });
  client.on('error', () => undefined);
  atEnd(() => client.disconnect());
  await eventually(() => client.status === 'ready', { what: 'the Cluster', timeoutMs: 10_000 });
  const clock = new ManualClock();
  const owners = new ShardOwners(clock);
  const publish = (text: string) =>
    owners.countBy(client, channel, () => publishToShard(client, channel, text));
  return { clock, publish };
}

describe('a count of 0 within a shard that a process meets for the first time', () => {
  const channel = `{${uniqueService('met')}}:channel`;
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster(true);
  }, 60_000);

  it('says that nobody listens, where its primary never took the place of another one', async () => {
    const { publish } = await newcomer(cluster, channel);
    expect(await publish('to nobody')).toBe(0);
  });

  it('says nothing for ten seconds after a failover: who listens at the former primary hears it, and is not counted', async () => {
    const owner = await ownerOf(cluster, channel);
    await cluster.on(owner + 3, 'CLUSTER', 'FAILOVER');
    const isOver = async () => {
      const roles = await Promise.all([owner, owner + 3].map((node) => cluster.on(node, 'ROLE')));
      return roles.map((role) => (role as string[])[0]).join() === 'slave,master';
    };
    await eventually(isOver, { what: 'the failover', timeoutMs: 20_000 });
    const promoted = String(await cluster.on(owner + 3, 'CLUSTER', 'MYID'));
    const isFollowed = async () =>
      ((await cluster.on(owner + 3, 'CLUSTER', 'REPLICAS', promoted)) as string[]).length > 0;
    await eventually(isFollowed, { what: 'the new primary to know its replica', timeoutMs: 20_000 });
    const isKnown = async () => {
      const answers = await Promise.all(
        [...cluster.nodes.keys()].map((node) => cluster.on(node, 'CLUSTER', 'NODES')),
      );
      return answers.every((nodes) =>
        new RegExp(`^${promoted} .*master.* \\d+-\\d+$`, 'm').test(String(nodes)),
      );
    };
    await eventually(isKnown, { what: 'all to know the new primary', timeoutMs: 20_000 });
    const heard: string[] = [];
    const listener = new Redis(cluster.nodes[owner]!.url);
    atEnd(() => listener.disconnect());
    // A replica takes it: so does a process that does not know yet who the new primary is.
    await listener.ssubscribe(channel);
    listener.on('smessage', (_, text: string) => heard.push(text));

    const { clock, publish } = await newcomer(cluster, channel);
    expect(await publish('after the failover')).toBeUndefined();
    await eventually(() => heard.includes('after the failover'), { what: 'the message' });
    await clock.advance(10_001);
    expect(await publish('much later')).toBe(0);
  });
});
