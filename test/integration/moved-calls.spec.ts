import { HydraError, type Balancer, type Instance } from '../../lib/index.js';
import { encodeItem, Kind, type Item } from '../../lib/protocol/rpc.js';
import type { CallSource } from '../../lib/transport/incoming/call-source.js';
import type { RemoteInstance } from '../../lib/transport/wire/remote-instances.js';
import { HydraClient } from '../../lib/hydra-client.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

/** Takes items in a server's place, and answers as the test says. */
function attach(instance: HydraInstance, take: (from: RemoteInstance, item: Item) => void): void {
  const handlers = { [Kind.call]: take };
  instance.attach({ handlers, load: [0, 0] } as unknown as CallSource);
}

async function startServer(service: string): Promise<HydraInstance> {
  const instance = await startInstance({ service, redis: await testRedis() }, { announce: false });
  await instance.presence.update({ capabilities: { acceptsCalls: true } });
  await instance.announce();
  return instance;
}

describe('a call that was refused and moved on', () => {
  it('stays where it is, whatever the first instance says of it later', async () => {
    const service = uniqueService('moved');
    const servers = [await startServer(service), await startServer(service), await startServer(service)];
    const [first, ...others] = servers as [HydraInstance, ...HydraInstance[]];
    const taken: string[] = [];

    const inTurn: Balancer = (instances) =>
      instances.find(({ id }: Instance) => id === first.id) ?? instances[0];
    const caller = await startInstance(
      { service: uniqueService('caller'), redis: await testRedis(), balancer: inTurn },
      { announce: false },
    );
    const client = new HydraClient({ service }, caller);
    await client.connect();
    await eventually(() => caller.discovery.instances(service).length === 3, { what: 'the servers' });

    attach(first, (peer, [, id]) => {
      const refusal = encodeItem(Kind.refusal, id, new HydraError('DRAINING', 'stopping'));
      // What a busy instance says when it finds the call and the question after it at once.
      first.messenger.post(peer.replyChannel, refusal);
      first.messenger.post(peer.replyChannel, encodeItem(Kind.probed, [], [], [id]));
    });
    for (const other of others)
      attach(other, (peer, [, id]) => {
        taken.push(other.id);
        setTimeout(
          () => other.messenger.post(peer.replyChannel, encodeItem(Kind.complete, id, 0, 'done')),
          100,
        );
      });

    const reply = await new Promise((resolve, reject) => {
      client.send('charge', {}).subscribe({ next: resolve, error: reject });
    });
    expect(reply).toBe('done');
    expect(taken).toHaveLength(1);
  });
});
