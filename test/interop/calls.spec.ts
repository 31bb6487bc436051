import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { firstValueFrom, from, lastValueFrom, toArray } from 'rxjs';

import { HydraClient, HydraContext, HydraRecordBuilder } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraPeer } from './hydra-peer.js';

const events: unknown[] = [];

@Controller()
class NestController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @MessagePattern('v1/orders')
  byPath(@Payload() order: unknown, @Ctx() context: HydraContext) {
    return { order, sender: context.getSender()?.service, headers: context.getMetadata() };
  }

  @MessagePattern('falsy')
  falsy(name: { which: number }): unknown {
    return [0, false, '', null, undefined][name.which];
  }

  @MessagePattern('three')
  three() {
    return from([1, 2, 3]);
  }

  @MessagePattern('refuse')
  refuse(): never {
    throw new RpcException({ code: 42, message: 'no' });
  }

  @EventPattern<string>('created')
  created(@Payload() data: unknown, @Ctx() context: HydraContext): void {
    events.push([data, context.getMessage().from]);
  }
}

describe('Hydra 1.9 calls a Nest service', () => {
  const service = uniqueService('nest');
  let nest: TestService;
  let hydra: HydraPeer;

  beforeAll(async () => {
    const redis = await testRedisUrl();
    nest = await startService({ service, redis }, [NestController]);
    hydra = await HydraPeer.start({ service: uniqueService('hydra'), redisUrl: redis });
  }, 30_000);
  afterAll(() => hydra.stop());
  beforeEach(() => (events.length = 0));

  it('by type, and is answered under its message id', async () => {
    const reply = await hydra.call('request', { to: `${service}:/`, typ: 'sum', body: [1, 2, 3] });
    expect(reply).toMatchObject({ typ: 'reply', bdy: 6, frm: `${nest.id}@${service}:/`, to: hydra.address });
  });

  it('by path, without a type, with headers', async () => {
    const to = `${service}:[post]/v1/orders`;
    const reply = await hydra.call('request', { to, body: { id: 7 }, headers: { tenant: 'a' } });
    expect(reply.bdy).toEqual({ order: { id: 7 }, sender: hydra.service, headers: { tenant: 'a' } });
  });

  it('at one instance, by its id', async () => {
    const reply = await hydra.call('request', { to: `${nest.id}@${service}:/sum`, body: [4, 5] });
    expect(reply.bdy).toBe(9);
  });

  it('without naming its instance, and every instance of it hears the answer', async () => {
    const frm = `${hydra.service}:/`;
    const reply = await hydra.call('request', { to: `${service}:/`, typ: 'sum', body: [1, 1], frm });
    expect(reply).toMatchObject({ bdy: 2, to: frm });
  });

  // Hydra 1.9 takes a falsy body for none, on both ends. What matters is that the caller hears the answer at all.
  it.each([0, 1, 2, 3, 4])('and hears that an answer is falsy (%i)', async (which) => {
    const reply = await hydra.call('request', { to: `${service}:/`, typ: 'falsy', body: { which } });
    expect(reply.typ).toBe('reply');
    expect(reply.bdy).toBeUndefined();
  });

  it('and hears each value of a stream, in order', async () => {
    const first = await hydra.call('request', { to: `${service}:/`, typ: 'three', body: {} });
    await hydra.message(({ rmid, bdy }) => rmid === first.rmid && bdy === 3);
    const values = hydra.messages.filter(({ rmid }) => rmid === first.rmid).map(({ bdy }) => bdy);
    expect(values).toEqual([1, 2, 3]);
  });

  it('and hears of a failure, and of a pattern that nobody handles', async () => {
    const refused = await hydra.call('request', { to: `${service}:/`, typ: 'refuse', body: {} });
    expect(refused).toMatchObject({ typ: 'error', bdy: { code: 42, message: 'no' } });
    const unknown = await hydra.call('request', { to: `${service}:/`, typ: 'nothing-such', body: {} });
    expect(unknown).toMatchObject({ typ: 'error', bdy: { name: 'HydraError', code: 'NO_HANDLER' } });
  });

  it('and emits to it, and broadcasts', async () => {
    expect(await hydra.call('send', { to: `${service}:/`, typ: 'created', body: { n: 1 } })).toBeNull();
    await eventually(() => events.length === 1, { what: 'the event' });
    expect(await hydra.call('broadcast', { to: `${service}:/created`, body: { n: 2 } })).toBeNull();
    await eventually(() => events.length === 2, { what: 'the broadcast event' });
    expect(events).toEqual([
      [{ n: 1 }, `${hydra.service}:/`],
      [{ n: 2 }, `${hydra.service}:/`],
    ]);
  });
});

describe('a Nest client calls Hydra 1.9 services', () => {
  const service = uniqueService('hydra');
  const name = uniqueService('nest-client');
  let peers: readonly HydraPeer[];
  let client: HydraClient;

  beforeAll(async () => {
    const redisUrl = await testRedisUrl();
    peers = await Promise.all([1, 2].map(() => HydraPeer.start({ service, redisUrl })));
    for (const peer of peers) await peer.call('autoReply', { sum: true, echo: true, typ: 'answer' });
    client = new HydraClient({ service, name, redis: redisUrl });
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'both Hydra instances' });
  }, 30_000);
  afterAll(async () => {
    await client.close();
    await Promise.all(peers.map((peer) => peer.stop()));
  });

  const received = (pattern: string) => peers.map((p) => p.messages.filter(({ typ }) => typ === pattern));

  it('and is answered by one of them, each in its turn', async () => {
    const sums = Array.from({ length: 40 }, (_, n) => firstValueFrom(client.send('sum', [n, 1])));
    expect(await Promise.all(sums)).toEqual(Array.from({ length: 40 }, (_, n) => n + 1));
    await eventually(() => received('sum').flat().length === 40, { what: 'word of every message' });
    const counts = received('sum').map(({ length }) => length);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it('with what belongs to the call in the places where Hydra looks', async () => {
    const record = new HydraRecordBuilder({ a: 1 }).setHeaders({ tenant: 'b' }).build();
    expect(await firstValueFrom(client.send('look', record))).toEqual({ a: 1 });
    // The answer may overtake the peer's own word of the message.
    const message = await eventually(() => received('look').flat()[0], { what: "the peer's message" });
    expect(message).toMatchObject({ typ: 'look', bdy: { a: 1 }, hdr: { tenant: 'b' }, ver: 'UMF/1.4.6' });
    expect(message.frm).toMatch(new RegExp(`^[0-9a-f]{32}@${name}:/$`));
    expect(peers.map(({ address }) => address)).toContain(message.to);
  });

  it('and is told of an answer without a value by completion', async () => {
    expect(await lastValueFrom(client.send('echo', 0).pipe(toArray()))).toEqual([]);
  });

  it('and fails with what came under the type "error"', async () => {
    for (const peer of peers) await peer.call('autoReply', { echo: true, typ: 'error' });
    await expect(firstValueFrom(client.send('any', { why: 'x' }))).rejects.toEqual({ why: 'x' });
    for (const peer of peers) await peer.call('autoReply', { echo: true });
  });

  it('and takes an answer that repeats the type of its call for an answer', async () => {
    expect(await firstValueFrom(client.send('again', { b: 2 }))).toEqual({ b: 2 });
  });

  it('and emits to one, to a chosen one, and broadcasts to all', async () => {
    await lastValueFrom(client.emit('to-one', { n: 1 }), { defaultValue: undefined });
    await eventually(() => received('to-one').flat().length === 1, { what: 'the event at one' });
    const [, second] = peers;
    await lastValueFrom(client.to(second!.instanceId).emit('chosen', { n: 2 }), { defaultValue: undefined });
    await second!.message(({ typ }) => typ === 'chosen');
    await lastValueFrom(client.broadcast('to-all', { n: 3 }));
    await Promise.all(peers.map((peer) => peer.message(({ typ }) => typ === 'to-all')));
    expect(received('to-one').flat()).toHaveLength(1);
    expect(received('to-all').map(({ length }) => length)).toEqual([1, 1]);
  });

  it('and a call whose instance is killed ends at once, typed', async () => {
    for (const peer of peers) await peer.call('autoReply', {});
    const [victim] = peers;
    const call = firstValueFrom(client.to(victim!.instanceId).send('unanswered', {}));
    call.catch(() => undefined);
    await victim!.message(({ typ }) => typ === 'unanswered');
    await victim!.kill();
    const startedAt = performance.now();
    await expect(call).rejects.toMatchObject({ code: 'INSTANCE_LOST', mayHaveRun: true });
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});
