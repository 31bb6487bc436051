import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient, HydraError, QueuePattern, StreamPattern } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { load } from '../support/load.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

/** A replica need not wait for others to come. */
const AT_ONCE = ['--repl-diskless-sync-delay', '0'];

const runs = new Map<number, number>();

@Controller()
class Worker {
  @MessagePattern('work')
  work(n: number): number {
    runs.set(n, (runs.get(n) ?? 0) + 1);
    return n;
  }

  // Readers that block have connections of their own.
  @QueuePattern('job')
  job(): void {}

  @StreamPattern('demotions')
  entry(): void {}
}

/** A primary and its replica behind one address, as a DNS name or a virtual IP has them. */
async function startPair(mayAsk: boolean) {
  const [first, second] = await Promise.all([startPrivateRedis(AT_ONCE), startPrivateRedis(AT_ONCE)]);
  const [old, next] = [connectTo(first.url), connectTo(second.url)];
  for (const redis of mayAsk ? [] : [old, next]) await redis.acl('SETUSER', 'default', '-info');
  await next.replicaof('127.0.0.1', first.port);
  await eventually(async () => String(await old.call('ROLE')).includes(String(second.port)), {
    what: 'the replica',
  });
  const address = await startProxy(first.url);
  const demote = async () => {
    await next.replicaof('NO', 'ONE');
    address.retarget(second.url);
    await old.replicaof('127.0.0.1', second.port);
  };
  return { address, old, next, demote };
}

async function connectionsAt(redis: Redis): Promise<number> {
  const lines = String(await redis.client('LIST')).split('\n');
  return lines.filter((line) => line.includes('name=hydra:')).length;
}

describe.each([
  ['whose servers say who they are', true],
  ['whose servers may not be asked', false],
])('a failover in which the old primary lives on as a replica, %s', (_, mayAsk) => {
  it('takes every connection along, and neither doubles a call nor says wrongly that it did not run', async () => {
    runs.clear();
    const { address, old, next, demote } = await startPair(mayAsk);
    const service = uniqueService('demoted');
    const options = { service, redis: address.url };
    await Promise.all([startService(options, [Worker]), startService(options, [Worker])]);
    const client = new HydraClient({ service, redis: address.url, timeoutMs: 10_000 });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'both instances' });
    const before = await connectionsAt(old);

    const deniedFor: number[] = [];
    const call = async (n: number) => {
      try {
        await firstValueFrom(client.send('work', n));
      } catch (error) {
        if (error instanceof HydraError && !error.mayHaveRun) deniedFor.push(n);
        throw error;
      }
    };
    const failover = (async () => {
      await sleep(300);
      await demote();
      const isThere = async () => (await connectionsAt(next)) >= before;
      await eventually(isThere, { what: 'every connection at the new primary', timeoutMs: 8_000 });
      await eventually(async () => (await connectionsAt(old)) === 0, {
        what: 'none at the old',
      });
      await sleep(300);
    })();
    await load(call, 100, failover);
    // Those that were under way have ended: from here on all is as it was.
    const after = await load((n) => call(100_000 + n), 100, sleep(500));
    expect(after.outcomes).toEqual({ ok: after.total });
    expect([...runs].filter(([, count]) => count > 1)).toEqual([]);
    expect(deniedFor.filter((n) => runs.has(n))).toEqual([]);
  });
});
