import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { lastValueFrom, toArray } from 'rxjs';

import {
  ConfigStore,
  HydraClient,
  HydraContext,
  HydraLogger,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { startAclRedis, type AclRedis } from '../support/acl.js';
import { startHybrid, startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { uniqueService } from '../support/unique.js';

const handled: string[] = [];

@Controller()
class PaymentsController {
  @MessagePattern('pay')
  pay(@Payload() amount: number): number {
    return amount;
  }

  @MessagePattern('count')
  async *count(@Payload() to: number, @Ctx() context: HydraContext): AsyncGenerator<number> {
    for (let n = 1; n <= to; n++) yield n;
    handled.push(context.getPattern());
  }

  @EventPattern('paid')
  paid(@Payload() data: unknown): void {
    handled.push('event', typeof data);
  }

  @QueuePattern('invoice')
  invoice(@Payload() number: number): number {
    handled.push('job');
    if (number < 0) throw new Error('no such invoice');
    return number;
  }

  @StreamPattern('acl-orders', { from: 'beginning', attempts: 1 })
  order(@Payload() order: { bad?: boolean }): void {
    handled.push('entry');
    if (order.bad) throw new Error('bad');
  }
}

let acl: AclRedis;

beforeAll(async () => {
  acl = await startAclRedis();
});

describe('users with the least rights', () => {
  it('call, answer, add and run jobs, publish and read entries, are configured and logged, and are refused nothing', async () => {
    const payments = uniqueService('payments');
    const orders = uniqueService('orders');
    const redis = await acl.userFor(payments, { consumes: ['acl-orders'] });
    const { app } = await startHybrid({ service: payments, redis }, [PaymentsController]);
    app.get(HydraLogger).log('hello');
    const callerUrl = await acl.userFor(orders, {
      roles: ['caller'],
      calls: [payments],
      queues: [payments],
      streams: ['acl-orders'],
      readsConfig: [payments],
    });
    const caller = new HydraInstance(resolveOptions({ service: orders, redis: callerUrl }));
    atEnd(() => caller.close());
    await caller.announce();
    const client = new HydraClient({ service: payments, name: orders, redis: callerUrl });
    atEnd(() => client.close());

    await expect(lastValueFrom(client.send<number>('pay', 7))).resolves.toBe(7);
    const values = client.send<number>('count', 500).pipe(toArray());
    await expect(lastValueFrom(values)).resolves.toHaveLength(500);
    await lastValueFrom(client.emit('paid', {}), { defaultValue: undefined });
    await lastValueFrom(client.broadcast('paid', {}), { defaultValue: undefined });
    await useQueue(caller.queues, payments);
    await useStream(caller.streams);
    await useConfig(app.get(ConfigStore), new ConfigStore(caller), payments);
    await expect(caller.discovery.health(payments)).resolves.toHaveLength(1);
    await eventually(() => ['event', 'job', 'entry'].every((kind) => handled.includes(kind)), {
      what: 'all to be handled',
    });
    // A second of upkeep, and what is done when a process leaves.
    const seenAt = performance.now();
    await eventually(() => performance.now() - seenAt > 2_500, { what: 'some rounds of upkeep' });
    await app.close();
    await client.close();
    await caller.close();
    expect(await acl.refused()).toEqual([]);
  });

  it('look after the registry of all with the role upkeep, and the command line reads it all with its own', async () => {
    const keeper = uniqueService('keeper');
    const gone = uniqueService('gone');
    const redis = await acl.userFor(keeper, { roles: ['service', 'upkeep'] });
    await startService({ service: keeper, redis }, []);
    const dead = new HydraInstance(
      resolveOptions({ service: gone, redis: await acl.userFor(gone, { roles: ['caller'] }) }),
    );
    await dead.announce();
    dead.redis.close();
    await eventually(async () => (await acl.admin.hlen(`hydra:service:${gone}:instances`)) === 0, {
      what: 'the dead to be taken out',
    });
    const reader = await acl.userFor('nestjs-hydra-cli', { roles: ['reader'] });
    for (const words of [['services'], ['health', keeper], ['queues', keeper], ['streams'], ['routes']]) {
      const { code, err } = await runInProcess([...words, '--redis', reader]);
      expect([words[0], code, err]).toEqual([
        words[0],
        expect.any(Number),
        expect.not.stringContaining('NOPERM'),
      ]);
    }
    expect(await acl.refused()).toEqual([]);
  });
});

async function useQueue(queues: QueueService, service: string): Promise<void> {
  const job = await queues.add('invoice', 1, { service });
  await expect(job.result({ timeoutMs: 20_000 })).resolves.toBe(1);
  await queues.addBulk([
    { pattern: 'invoice', data: 2, service },
    { pattern: 'invoice', data: 3, service },
  ]);
  const failing = await queues.add('invoice', -1, { service, attempts: 1, id: 'x', delayMs: 10 });
  await expect(failing.result({ timeoutMs: 20_000 })).rejects.toThrow('no such invoice');
  await eventually(async () => (await queues.counts(service)).dead > 0, { what: 'the dead letter' });
  await queues.redrive('all', { service });
}

async function useStream(streams: StreamService): Promise<void> {
  await streams.publish('acl-orders', {}, { id: 'once', maxLen: 1_000 });
  await streams.publish('acl-orders', { bad: true });
  await streams.range('acl-orders');
}

async function useConfig(own: ConfigStore, other: ConfigStore, service: string): Promise<void> {
  await own.put('1.0.0', { limit: 1 });
  await expect(other.of(service).get('1.0.0')).resolves.toEqual({ limit: 1 });
  await expect(other.of(service).history()).resolves.toHaveLength(1);
}
