import { once } from 'node:events';
import type { Socket } from 'node:net';

import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom, lastValueFrom, Subject, tap, toArray } from 'rxjs';

import { HydraClient, HydraRecordBuilder, HydraServer } from '../../lib/index.js';
import { createKeys } from '../../lib/protocol/keys.js';
import { decodeFrame, encodeFrame, encodeItem, Kind, type Item } from '../../lib/protocol/rpc.js';
import type { RedisClient } from '../../lib/redis/redis-connections.js';
import { createInstanceId } from '../../lib/registry/presence/instance-id.js';
import { systemRandom } from '../../lib/runtime/random-source.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import type { RemoteInstance } from '../../lib/transport/wire/remote-instances.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const VALUES = 600;
const keys = createKeys();
const ran: number[] = [];
let feed = new Subject<number>();

@Controller()
class RowsController {
  @MessagePattern('rows')
  rows() {
    return feed;
  }

  @MessagePattern('large-rows')
  async *largeRows({ size, count }: { size: number; count: number }) {
    for (let n = 0; n < count; n++) yield 'x'.repeat(size);
  }

  @MessagePattern('note')
  note(n: number): number {
    return ran.push(n);
  }
}

/**
 * Has Redis cut this one connection, as a proxy or a reset would. Resolves in the turn in which the driver sees it: what is
 * sent in that turn is lost, since the next connection takes the driver several turns. The answer to CLIENT KILL may come after
 * the next connection, so nothing waits for it.
 */
async function cut(connection: RedisClient, admin: Redis): Promise<void> {
  const { localAddress, localPort } = (connection as unknown as { stream: Socket }).stream;
  const closed = once(connection, 'close');
  const killed = admin.call('CLIENT', 'KILL', 'ADDR', `${localAddress}:${localPort}`);
  await Promise.race([closed, killed.then(() => closed)]);
}

async function start(options: object = {}) {
  const redis = await testRedisUrl();
  const service = uniqueService('rows');
  const server = await startService({ service, redis }, [RowsController]);
  const client = new HydraClient({ service, redis, timeoutMs: 10_000, ...options });
  const admin = new Redis(redis);
  atEnd(async () => admin.disconnect());
  atEnd(() => client.close());
  await client.connect();
  await eventually(() => client.instances.length === 1, { what: 'the instance' });
  return { client, admin, server };
}

describe('an answer of many values', () => {
  beforeEach(() => (feed = new Subject()));

  it.each(['the caller', 'the instance'])(
    'comes whole when the connections of %s are cut in the middle',
    async (who) => {
      const { client, admin, server } = await start();
      const received: number[] = [];
      const answer = lastValueFrom(client.send<number>('rows', {}).pipe(tap((n) => received.push(n))));
      await eventually(() => feed.observed, { what: 'the handler' });
      const [commands, subscriber] =
        who === 'the caller' ? client.unwrap() : server.app.get(HydraServer).unwrap();
      // What Redis writes to a connection while it is cut counts as received.
      const cutAfter = async (count: number, connection: RedisClient) => {
        await eventually(() => received.length === count, { what: `${count} values` });
        await cut(connection, admin);
      };
      for (let n = 0; n < VALUES; n++) {
        if (n === VALUES / 3) await cutAfter(n, subscriber);
        if (n === VALUES / 2) await cutAfter(n, commands);
        feed.next(n);
        if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      feed.complete();
      await answer;
      expect(received).toEqual(Array.from({ length: VALUES }, (_, n) => n));
    },
  );

  it('is given to its caller in order, and once, although its values come in another and some twice', async () => {
    const { client } = await start();
    const instance = instanceOf(client);
    const receive = instance.onItems.bind(instance);
    const isOfAnswer = ([kind]: Item) => kind === Kind.value || kind === Kind.complete;
    const parts: Item[] = [];
    let from: Parameters<typeof receive> | undefined;
    instance.onItems = (peer, load, items) => {
      from = [peer, load, items];
      parts.push(...items.filter(isOfAnswer));
      receive(
        peer,
        load,
        items.filter((item) => !isOfAnswer(item)),
      );
    };
    const answer = firstValueFrom(client.send<number>('rows', {}).pipe(toArray()));
    await eventually(() => feed.observed, { what: 'the handler' });
    for (let n = 0; n < 5; n++) feed.next(n);
    feed.complete();
    await eventually(() => parts.length === 5, { what: 'all parts' });
    const [peer, load] = from!;
    receive(peer, load, [parts[4]!, parts[1]!, parts[1]!, parts[0]!, parts[0]!, parts[3]!, parts[2]!]);
    expect(await answer).toEqual([0, 1, 2, 3, 4]);
  });

  it.each([
    ['more comes', 60_000],
    ['nothing more comes', 100],
  ])('fails when a value is lost that Redis gave to its caller, and %s', async (how, probeAfterMs) => {
    const { client } = await start({ calls: { probeAfterMs } });
    const instance = instanceOf(client);
    const receive = instance.onItems.bind(instance);
    let lost = 0;
    // As from a connection that breaks just then: Redis counts it as received.
    instance.onItems = (peer, load, items) => {
      const rest = items.filter(([kind]) => kind !== Kind.value || lost++ > 0);
      receive(peer, load, rest);
    };
    const received: number[] = [];
    const outcome = lastValueFrom(client.send<number>('rows', {}).pipe(tap((n) => received.push(n)))).catch(
      (error: unknown) => error,
    );
    await eventually(() => feed.observed, { what: 'the handler' });
    feed.next(1);
    await eventually(() => lost > 0, { what: 'the first value' });
    if (how === 'more comes') feed.next(2);
    expect(await outcome).toMatchObject({ code: 'REPLY_LOST', retryable: true, mayHaveRun: true });
    expect(received).toEqual([]);
    await eventually(() => !feed.observed, { what: 'the handler to be stopped' });
  });

  it('is stopped at its instance although its caller gave it up while it had no connection', async () => {
    const proxy = await startProxy(await testRedisUrl());
    const { client } = await start({ timeoutMs: 60_000, redis: proxy.url });
    const answer = client.send<number>('rows', {}).subscribe();
    await eventually(() => feed.observed, { what: 'the handler' });
    const [, subscriber] = client.unwrap();
    proxy.swallow(true);
    proxy.sever();
    await eventually(() => subscriber.status !== 'ready', { what: 'the connection to be lost' });
    answer.unsubscribe();
    proxy.swallow(false);
    proxy.sever();
    await eventually(() => !feed.observed, { what: 'the handler to be stopped', timeoutMs: 15_000 });
  });

  it('comes whole when nothing is lost', async () => {
    const { client } = await start();
    const answer = firstValueFrom(client.send<number>('rows', {}).pipe(toArray()));
    await eventually(() => feed.observed, { what: 'the handler' });
    for (let n = 0; n < VALUES; n++) feed.next(n);
    feed.complete();
    expect(await answer).toEqual(Array.from({ length: VALUES }, (_, n) => n));
  });
});

describe('a stream that waits for room', () => {
  const SIZE = 60_000;
  const COUNT = 30;

  /** Loses the first frame with room for the stream, as a cut of the server's subscriber would. */
  function loseOneGrant(instance: HydraInstance): () => number {
    const receive = instance.onItems.bind(instance);
    let lost = 0;
    instance.onItems = (peer, load, items) => {
      if (lost === 0 && items.some(([kind]) => kind === Kind.grant)) lost++;
      else receive(peer, load, items);
    };
    return () => lost;
  }

  it('goes on when the word of it was lost, long before its deadline', async () => {
    const { client, server } = await start({ timeoutMs: 60_000, calls: { probeAfterMs: 100 } });
    const lost = loseOneGrant(server.app.get(HydraInstance));
    const rows = await lastValueFrom(
      client.send<string>('large-rows', { size: SIZE, count: COUNT }).pipe(toArray()),
    );
    expect([rows.length, lost()]).toEqual([COUNT, 1]);
    expect(rows.every(({ length }) => length === SIZE)).toBe(true);
  });

  it('asks again as soon as its server sees that something was lost', async () => {
    const { client, server } = await start({ timeoutMs: 60_000, calls: { probeAfterMs: 60_000 } });
    const instance = server.app.get(HydraInstance);
    const lost = loseOneGrant(instance);
    const rows = lastValueFrom(
      client.send<string>('large-rows', { size: SIZE, count: COUNT }).pipe(toArray()),
    );
    await eventually(() => lost() === 1, { what: 'a grant to be lost' });
    // The frame was taken behind the count of its number: the loss is told as the next number would tell it.
    instance.onFramesLost({ address: instanceOf(client).address } as RemoteInstance, 'requests');
    expect(await rows).toHaveLength(COUNT);
  });
});

/** The process as its client has it. */
function instanceOf(client: HydraClient): HydraInstance {
  return (client as unknown as { instance: HydraInstance }).instance;
}

/** A caller by hand: what it sends, it sends when the test says. */
async function startCaller(service: string, id: string) {
  const redis = await testRedisUrl();
  const [commands, subscriber] = [new Redis(redis), new Redis(redis)];
  for (const connection of [commands, subscriber]) atEnd(async () => connection.disconnect());
  const [name, own] = [uniqueService('by-hand'), createInstanceId(systemRandom)];
  const heard: Item[] = [];
  subscriber.on('message', (_channel: string, wire: string) =>
    heard.push(...(decodeFrame(wire)?.items ?? [])),
  );
  await subscriber.subscribe(keys.replyChannel(name, own));
  let seq = 0;
  const send = (...item: Item) =>
    commands.publish(
      keys.instanceChannel(service, id),
      encodeFrame(`${own}@${name}:/`, ++seq, [0, 0], [encodeItem(...item)]),
    );
  return { send, heard };
}

describe('a call that a probe overtakes', () => {
  it('is refused when it comes: its caller was told that it had not, and has moved it', async () => {
    const { server, client } = await start();
    const { send, heard } = await startCaller(client.service, server.id);
    ran.length = 0;
    await send(Kind.probe, [7]);
    await eventually(() => heard.length === 1, { what: 'the answer to the probe' });
    await send(Kind.call, 7, 'note', 7, 10_000);
    await send(Kind.call, 8, 'note', 8, 10_000);
    await eventually(() => heard.length === 3, { what: 'both answers' });
    expect(heard[0]).toEqual([Kind.probed, [], [], [7]]);
    expect(heard[1]).toMatchObject([Kind.refusal, 7, { code: 'NO_INSTANCE', retryable: true }]);
    expect(heard[2]).toEqual([Kind.complete, 8, 0, 1]);
    expect(ran).toEqual([8]);
    // What was denied stays denied.
    await send(Kind.probe, [7, 8]);
    await eventually(() => heard.length === 4, { what: 'the second answer' });
    expect(heard[3]).toEqual([Kind.probed, [], [8], [7]]);
  });

  it('without a handler is refused: nothing ran', async () => {
    const { server, client } = await start();
    const { send, heard } = await startCaller(client.service, server.id);
    await send(Kind.call, 1, 'nowhere', 7, 10_000);
    await eventually(() => heard.length === 1, { what: 'the refusal' });
    expect(heard[0]).toMatchObject([Kind.refusal, 1, { code: 'NO_HANDLER', retryable: false }]);
    await expect(firstValueFrom(client.send('nowhere', 7))).rejects.toMatchObject({ code: 'NO_HANDLER' });
  });
});

describe('a call that is lost on the way', () => {
  it('is sent again to the only instance there is, and runs once', async () => {
    const { server, client } = await start();
    const instance = server.app.get(HydraInstance);
    ran.length = 0;
    // Its frame is taken from the wire, as a cut of the server's subscriber would.
    const receive = instance.onItems.bind(instance);
    let lost = 0;
    instance.onItems = (peer, load, items) => {
      if (lost === 0 && items.some(([kind]) => kind === Kind.call)) lost++;
      else receive(peer, load, items);
    };
    expect(await firstValueFrom(client.send('note', 1))).toBe(1);
    expect([lost, ran]).toEqual([1, [1]]);
  });

  it('is sent again where its answer was lost, if twice does no harm', async () => {
    const { client, admin, server } = await start();
    ran.length = 0;
    const instance = server.app.get(HydraInstance);
    let lost = 0;
    const { messenger } = instance;
    const post = messenger.post.bind(messenger) as (...args: unknown[]) => void;
    messenger.post = (channel: string, item: string, ...rest: unknown[]) => {
      if (lost === 0 && item.startsWith(`[${Kind.complete},`)) lost++;
      else post(channel, item, ...rest);
    };
    const record = new HydraRecordBuilder(5).setIdempotent(true).build();
    expect(await firstValueFrom(client.send('note', record))).toBe(2);
    lost = 0;
    await expect(firstValueFrom(client.send('note', 6))).rejects.toMatchObject({ code: 'REPLY_LOST' });
    expect(admin.status).toBe('ready');
  });
});
