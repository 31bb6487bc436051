import { firstValueFrom } from 'rxjs';

import { HydraError, HydraRecordBuilder, type Balancer, type Instance } from '../../lib/index.js';
import { encodeItem, Kind, type Item } from '../../lib/protocol/rpc.js';
import type { CallSource } from '../../lib/transport/incoming/call-source.js';
import type { RemoteInstance } from '../../lib/transport/wire/remote-instances.js';
import { HydraClient } from '../../lib/hydra-client.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { allow } from '../support/own-user.js';
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
      {
        service: allow(uniqueService('caller'), { calls: [service] }),
        redis: await testRedis(),
        balancer: inTurn,
      },
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

describe('three hundred calls that may be repeated, at one instance', () => {
  const CALLS = 300;

  /** Three servers, of which the first that is there gets all calls; a last one answers. */
  async function startThree() {
    const service = uniqueService('gone');
    const servers = [await startServer(service), await startServer(service), await startServer(service)];
    const taken = servers.map(() => 0);
    servers.forEach((server, index) =>
      attach(server, (peer, [, id]) => {
        taken[index]!++;
        if (index === 2) server.messenger.post(peer.replyChannel, encodeItem(Kind.complete, id, 0, 'done'));
      }),
    );
    const inOrder: Balancer = (instances) =>
      servers.map(({ id }) => instances.find((instance) => instance.id === id)).find((found) => found);
    const options = {
      service: allow(uniqueService('caller'), { calls: [service] }),
      redis: await testRedis(),
      balancer: inOrder,
    };
    const caller = await startInstance(options, { announce: false });
    const client = new HydraClient({ service }, caller);
    await client.connect();
    await eventually(() => caller.discovery.instances(service).length === 3, { what: 'the servers' });
    const outcomes = Array.from({ length: CALLS }, () => {
      const record = new HydraRecordBuilder({}).setIdempotent(true).setTimeout(40_000).build();
      return firstValueFrom(client.send<string>('work', record)).catch((error: HydraError) => error.code);
    });
    await eventually(() => taken[0] === CALLS, { what: 'all at the first' });
    return { servers, taken, outcomes };
  }

  it('are all made at another when that is gone', async () => {
    const { servers, taken, outcomes } = await startThree();
    await servers[1]!.close();
    servers[0]!.redis.close();
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['done']));
    expect(taken).toEqual([CALLS, 0, CALLS]);
  });

  it('are repeated again as far as the budget goes, when the next is gone too', async () => {
    const { servers, taken, outcomes } = await startThree();
    servers[0]!.redis.close();
    await eventually(() => taken[1] === CALLS, { what: 'all at the second' });
    servers[1]!.redis.close();
    const codes = await Promise.all(outcomes);
    // Ten that it begins with, and one for ten calls.
    expect(codes.filter((code) => code === 'done')).toHaveLength(10 + CALLS / 10);
    expect(new Set(codes)).toEqual(new Set(['done', 'INSTANCE_LOST']));
  });
});
