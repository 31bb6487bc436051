import { Controller, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { HydraClient, HydraModule, HydraServer, QueueService, StreamPattern } from 'nestjs-hydra';
import { HydraTest, MemoryRedis, startRedis } from 'nestjs-hydra/testing';
import { firstValueFrom } from 'rxjs';

import { Mailer, OrdersModule } from './orders.module.js';
import { PaymentsController, PaymentsModule } from './payments.module.js';

@Controller()
class Archive {
  readonly kept: unknown[] = [];

  @StreamPattern('orders')
  keep(order: unknown): void {
    this.kept.push(order);
  }
}

@Module({ imports: [HydraModule.forRoot({ service: 'archive' })], controllers: [Archive] })
class ArchiveModule {}

describe('a Redis in memory', () => {
  it('goes where a Redis location goes', async () => {
    const redis = new MemoryRedis();
    const testing = await Test.createTestingModule({
      imports: [HydraModule.forRoot({ service: 'payments', redis })],
      controllers: [PaymentsController],
    }).compile();
    const app = testing.createNestMicroservice({ strategy: testing.get(HydraServer) });
    await app.listen();

    const payments = new HydraClient({ service: 'payments', redis });
    expect(await firstValueFrom(payments.send('charge', { amount: 7 }))).toEqual({ paid: 7 });

    await payments.close();
    await app.close();
    await redis.close();
  });

  it('has a process that is killed', async () => {
    const redis = new MemoryRedis();
    const worker = redis.process();
    const testing = await Test.createTestingModule({
      // Whatever is given this process lives and dies with it.
      imports: [HydraModule.forRoot({ service: 'payments', redis: worker as never })],
      controllers: [PaymentsController],
    }).compile();
    const app = testing.createNestMicroservice({ strategy: testing.get(HydraServer) });
    await app.listen();

    worker.kill(); // as SIGKILL: such an application cannot be closed any more
    await redis.clock.advance('1 min');
    const payments = new HydraClient({ service: 'payments', redis });
    await expect(firstValueFrom(payments.send('charge', { amount: 7 }))).rejects.toMatchObject({
      code: 'NO_INSTANCE',
    });

    await payments.close();
    await redis.close();
  });
});

describe('a test of services', () => {
  let test: HydraTest;

  afterEach(() => test?.close());

  it('sees events and entries', async () => {
    test = await HydraTest.create({ modules: [ArchiveModule, PaymentsModule] });
    await test.streams.publish('orders', { amount: 7 }, { type: 'placed' });
    await firstValueFrom(test.client('payments').emit('order.paid', { amount: 7 }), {
      defaultValue: undefined,
    });

    await test.expectEvent('placed', { amount: 7 });
    await test.expectEvent('order.paid', (data: { amount: number }) => data.amount > 0);
    await test.expectCall('orders', { amount: 7 }); // the handler of the stream has run
    expect(test.instance('archive').get(Archive).kept).toEqual([{ amount: 7 }]);
  });

  it('moves time to where something is due', async () => {
    test = await HydraTest.create({
      modules: [OrdersModule],
      override: (builder) => builder.overrideProvider(Mailer).useValue({ send: async () => undefined }),
    });
    const queues = test.instance('orders').get(QueueService);
    const job = await queues.add('invoice.pdf', { email: 'ann@example.org' }, { delayMs: 3 * 3_600_000 });

    await test.clock.advance('2 h'); // units: ms, s, min, h, d
    expect(test.calls('invoice.pdf')).toEqual([]);
    await test.clock.runUntil(() => test.calls('invoice.pdf').length === 1);
    const wentMs = await test.clock.runToIdle(); // until nothing is due any more
    expect(await queues.get(job.id)).toMatchObject({ state: 'completed' });
    expect(wentMs).toBeGreaterThanOrEqual(0);
  });

  it('runs on a real Redis as well', async () => {
    await using redis = await startRedis();
    test = await HydraTest.create({ modules: [PaymentsModule], redis: redis.url });
    expect(await firstValueFrom(test.client('payments').send('charge', { amount: 7 }))).toEqual({ paid: 7 });
    await test.close();
  });
});
