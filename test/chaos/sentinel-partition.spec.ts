import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, QueuePattern, StreamPattern, type RedisLocation } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startSentinels, type TestSentinels } from '../support/sentinels.js';
import { uniqueService } from '../support/unique.js';

const PING_MS = 500;

@Controller()
class Worker {
  @MessagePattern('echo')
  echo(n: number): number {
    return n;
  }

  // Readers that block have connections of their own.
  @QueuePattern('job')
  job(): void {}

  @StreamPattern('partitions')
  entry(): void {}
}

async function startFleet(redis: RedisLocation): Promise<HydraClient> {
  const options = { service: uniqueService('partition'), redis, connection: { pingIntervalMs: PING_MS } };
  await startService(options, [Worker]);
  const client = new HydraClient({ ...options, timeoutMs: 8_000 });
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 1, { what: 'the instance', timeoutMs: 10_000 });
  return client;
}

async function allLeave(sentinels: TestSentinels, old: number): Promise<void> {
  const count = (counts: readonly number[]) => counts.reduce((sum, one) => sum + one);
  const before = count(await sentinels.connections());
  expect((await sentinels.connections())[old]).toBe(before);
  sentinels.wires[old]!.freeze();
  await sentinels.promotedInsteadOf(old);
  const next = await sentinels.primary();
  const haveLeft = async () => {
    const counts = await sentinels.connections();
    return counts[old] === 0 && counts[next] === before;
  };
  await eventually(haveLeft, { what: 'all connections at the new primary', timeoutMs: 8_000 });
  // It takes what it is sent all the same.
  expect(((await sentinels.admins[old]!.call('ROLE')) as string[])[0]).toBe('master');
}

/** The first of the Sentinels, which does not hear of a failover any more from `stayBehind` on. */
async function startLateSentinel({ location }: TestSentinels) {
  const { sentinels, ...others } = location as { sentinels: { port: number }[] };
  let [now, before] = ['', ''];
  const late = await startProxy(`redis://127.0.0.1:${sentinels[0]!.port}`, (chunk) => {
    if (now === '') return chunk;
    const text = chunk.toString('latin1').replaceAll(now, before);
    return Buffer.from(text.replace(/(config-epoch\r\n\$1\r\n)\d/, '$10'), 'latin1');
  });
  const stayBehind = (primaryNow: number, primaryBefore: number) => {
    [now, before] = [String(primaryNow), String(primaryBefore)];
  };
  const endpoints = [{ host: '127.0.0.1', port: late.port }, ...sentinels.slice(1)];
  return { location: { ...others, sentinels: endpoints } as RedisLocation, stayBehind };
}

describe('a primary that is cut off from the Sentinels and answers its clients all the same', () => {
  it('is left by every connection of a process as soon as another one is the primary', async () => {
    const sentinels = await startSentinels({ isPartitionable: true });
    const client = await startFleet(sentinels.location);
    await allLeave(sentinels, await sentinels.primary());
    expect(await firstValueFrom(client.send('echo', 7))).toBe(7);
  }, 90_000);

  it('is not found again by a Sentinel that is cut off with it, neither by who has left it nor by who starts there', async () => {
    const sentinels = await startSentinels({ isPartitionable: true });
    const late = await startLateSentinel(sentinels);
    const old = await sentinels.primary();
    const client = await startFleet(late.location);
    await allLeave(sentinels, old);
    const next = await sentinels.primary();
    late.stayBehind(sentinels.wires[next]!.port, sentinels.wires[old]!.port);
    const arrivals = async () =>
      /total_connections_received:(\d+)/.exec(await sentinels.admins[old]!.info('stats'))![1];
    const before = await arrivals();
    for (const type of ['normal', 'pubsub'])
      await sentinels.admins[next]!.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
    await eventually(() => firstValueFrom(client.send('echo', 7)), {
      what: 'calls again',
      timeoutMs: 10_000,
    });
    expect(await arrivals()).toBe(before);

    const newcomer = await startFleet(late.location);
    const isThere = async () => (await sentinels.connections())[old] === 0;
    await eventually(isThere, { what: 'all at the new primary', timeoutMs: 8_000 });
    await eventually(() => firstValueFrom(newcomer.send('echo', 7)), {
      what: 'its calls',
      timeoutMs: 10_000,
    });
    expect((await sentinels.connections())[old]).toBe(0);
  }, 120_000);

  it('is looked for by one connection to each Sentinel, which asks once an interval, and ends with the others', async () => {
    const { location } = await startSentinels();
    const { sentinels, ...others } = location as { sentinels: { host: string; port: number }[] };
    let answers = 0;
    const way = await startProxy(`redis://127.0.0.1:${sentinels[0]!.port}`, (chunk) => {
      if (chunk.includes('config-epoch')) answers++;
      return chunk;
    });
    const redis = { ...others, sentinels: [{ host: '127.0.0.1', port: way.port }, ...sentinels.slice(1)] };
    const client = new HydraClient({ service: 'idle', redis, connection: { pingIntervalMs: PING_MS } });
    await client.connect();
    await eventually(() => way.connections() === 1, { what: 'one connection', timeoutMs: 10_000 });
    const startedAt = performance.now();
    const atStart = answers;
    await eventually(() => answers >= atStart + 4, { what: 'four answers', timeoutMs: 10_000 });
    expect(performance.now() - startedAt).toBeGreaterThan(2 * PING_MS);
    expect(way.connections()).toBe(1);
    await client.close();
    await eventually(() => way.connections() === 0, { what: 'no connection', timeoutMs: 10_000 });
  }, 60_000);
});
