import { Controller, Get, Injectable, Module } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import request from 'supertest';

import {
  HydraClient,
  HydraModule,
  InjectClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraTest, MemoryRedis, VirtualClock } from '../../lib/testing/testing.js';
import { atEnd } from '../support/at-end.js';
import { startPrivateRedis } from '../support/redis.js';

@Injectable()
class Mailer {
  send(to: string): string {
    throw new Error(`no mail to ${to} in tests`);
  }
}

@Controller()
class PaymentsController {
  @MessagePattern('charge')
  charge({ amount }: { amount: number }): { paid: number } {
    if (amount > 1_000) throw new Error('too much');
    return { paid: amount };
  }
}

@Module({ imports: [HydraModule.forRoot({ service: 'payments' })], controllers: [PaymentsController] })
class PaymentsModule {}

let tries = 0;

const placedOrders: unknown[] = [];

@Controller()
class OrdersController {
  constructor(
    @InjectClient('payments') private readonly payments: HydraClient,
    private readonly queues: QueueService,
    private readonly streams: StreamService,
    private readonly mailer: Mailer,
  ) {}

  @MessagePattern('place')
  async place({ amount }: { amount: number }): Promise<unknown> {
    const paid = await firstValueFrom(this.payments.send('charge', { amount }));
    await this.queues.add('invoice.pdf', { amount, to: 'a@b.c' });
    await this.streams.publish('orders', { amount }, { type: 'placed' });
    await firstValueFrom(this.payments.emit('order.paid', { amount }), { defaultValue: undefined });
    return paid;
  }

  @QueuePattern('invoice.pdf', { attempts: 3, backoff: { type: 'fixed', delayMs: 3_600_000 } })
  invoice({ to }: { to: string }): string {
    tries++;
    if (tries < 3) throw new Error('the printer is out of paper');
    return this.mailer.send(to);
  }

  @StreamPattern('orders')
  placed(order: unknown): void {
    placedOrders.push(order);
  }

  @Get('health')
  health(): string {
    return 'well';
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: 'orders' }), HydraModule.forFeature({ clients: ['payments'] })],
  controllers: [OrdersController],
  providers: [Mailer],
})
class OrdersModule {}

const mailed: string[] = [];
const fakeMailer = { send: (to: string) => mailed.push(to) };

async function create(options: Parameters<typeof HydraTest.create>[0]): Promise<HydraTest> {
  const test = await HydraTest.create(options);
  atEnd(() => test.close());
  return test;
}

beforeEach(() => {
  tries = 0;
  mailed.length = 0;
  placedOrders.length = 0;
});

describe('HydraTest', () => {
  it('starts a set of services in one process, each with its replicas and its own providers', async () => {
    const test = await create({
      modules: [
        { module: PaymentsModule, replicas: 3 },
        {
          module: OrdersModule,
          override: (builder) => builder.overrideProvider(Mailer).useValue(fakeMailer),
        },
      ],
    });
    expect(test.instances.map(({ name }) => name)).toEqual([
      ...['payments#1', 'payments#2', 'payments#3'],
      'orders#1',
    ]);
    expect(await firstValueFrom(test.client('orders').send('place', { amount: 7 }))).toEqual({ paid: 7 });
    expect(test.instance('orders').get(Mailer)).toBe(fakeMailer);
    await test.discovery.waitFor('payments', { min: 3 });
  });

  it('tells which jobs were added, which events were sent and what was called', async () => {
    const test = await create({ modules: [PaymentsModule, OrdersModule] });
    await firstValueFrom(test.client('orders').send('place', { amount: 7 }));
    expect(await test.expectJob('invoice.pdf', { amount: 7 })).toMatchObject({
      service: 'orders',
      queue: 'default',
    });
    await test.expectJob('invoice.pdf', expect.objectContaining({ to: expect.stringMatching('@') }));
    await test.expectJob('invoice.pdf', ({ amount }: { amount: number }) => amount > 5);
    expect(await test.expectEvent('placed')).toMatchObject({ kind: 'entry', stream: 'orders' });
    await test.expectEvent('orders', { amount: 7 });
    expect(await test.expectEvent('order.paid')).toMatchObject({ kind: 'event', service: 'payments' });
    expect(await test.expectCall('charge', { amount: 7 })).toMatchObject({
      kind: 'call',
      instance: 'payments#1',
      isStubbed: false,
    });
    await test.expectCall('orders', { amount: 7 });
    expect(placedOrders).toEqual([{ amount: 7 }]);
    test.clear();
    expect([test.jobs(), test.events(), test.calls()]).toEqual([[], [], []]);
  });

  it('names what there was instead of what was expected', async () => {
    const test = await create({ modules: [OrdersModule] });
    await test.queues.add('invoice.pdf', { number: 7 }, { service: 'orders' });
    await expect(test.expectJob('invoice.pdf', { number: 8 }, { timeoutMs: 20 })).rejects.toThrow(
      'no job "invoice.pdf" with { number: 8 } within 20 ms; there were:\n  { number: 7 }',
    );
    await expect(test.expectJob('mail', undefined, { timeoutMs: 20 })).rejects.toThrow(
      'no job "mail" within 20 ms; there were only: invoice.pdf',
    );
    await expect(test.expectEvent('x', undefined, { timeoutMs: 20 })).rejects.toThrow('there were none');
  });

  it('waits for what is under way', async () => {
    const test = await create({ modules: [OrdersModule] });
    const expected = test.expectJob('late', { n: 1 });
    await test.queues.add('late', { n: 1 }, { service: 'elsewhere' });
    expect(await expected).toMatchObject({ service: 'elsewhere' });
  });

  it('answers in the place of a service that it does not have, and of handlers that it has', async () => {
    const test = await create({ modules: [OrdersModule] });
    const charge = await test.stub('payments', 'charge', ({ amount }: { amount: number }) => ({
      paid: -amount,
    }));
    const paid = await test.stub('payments', 'order.paid', () => undefined);
    const orders = test.client('orders');
    expect(await firstValueFrom(orders.send('place', { amount: 7 }))).toEqual({ paid: -7 });
    expect(charge.calls).toEqual([{ amount: 7 }]);
    await test.expectCall('order.paid');
    expect(paid.calls).toHaveLength(1);
    const place = await test.stub('orders', 'place', () => Promise.reject(new Error('closed')));
    await expect(firstValueFrom(orders.send('place', { amount: 7 }))).rejects.toMatchObject({
      message: 'Internal server error',
    });
    place.restore();
    expect(await firstValueFrom(orders.send('place', { amount: 8 }))).toEqual({ paid: -8 });
  });

  it('runs queues dry, hours of retries in no time', async () => {
    const override = (
      builder: Parameters<NonNullable<Parameters<typeof HydraTest.create>[0]>['override'] & object>[0],
    ) => builder.overrideProvider(Mailer).useValue(fakeMailer);
    const test = await create({ modules: [OrdersModule], override });
    await test.queues.add('invoice.pdf', { to: 'a@b.c' }, { service: 'orders' });
    const before = test.clock.now();
    await test.runQueues();
    expect(test.calls('invoice.pdf')).toHaveLength(3);
    expect(mailed).toEqual(['a@b.c']);
    expect((test.clock.now() - before) / 3_600_000).toBeCloseTo(2, 1);
  });

  it('says which queue is not dry in time', async () => {
    const test = await create({ modules: [OrdersModule] });
    await test.queues.add('invoice.pdf', {}, { service: 'orders', delayMs: 60_000 });
    await expect(test.runQueues('30 s')).rejects.toThrow(
      'the queues are not dry: default of orders has 0 waiting, 0 running, 1 delayed',
    );
  });

  it('kills an instance, and others take its place', async () => {
    const test = await create({ modules: [{ module: PaymentsModule, replicas: 2 }] });
    test.instance('payments#1').process.kill();
    await test.clock.advance('1 min');
    const answers = await firstValueFrom(test.client('payments').send('charge', { amount: 7 }));
    expect(answers).toEqual({ paid: 7 });
    expect(test.calls('charge').map(({ instance }) => instance)).toEqual(['payments#2']);
  });

  it('draws the same instances for its calls in each run with a seed', async () => {
    const drawn = async () => {
      const redis = new MemoryRedis({ seed: 7, clock: new VirtualClock({ runs: false }) });
      const test = await create({ modules: [PaymentsModule], replicas: 3, redis });
      const payments = test.client('payments', { balancer: 'random' });
      for (let n = 0; n < 20; n++) await firstValueFrom(payments.send('charge', { amount: n }));
      return test.calls('charge').map(({ instance }) => instance);
    };
    const first = await drawn();
    expect(new Set(first).size).toBe(3);
    expect(await drawn()).toEqual(first);
  });

  it('gives the HTTP server of an application to supertest', async () => {
    const test = await create({ modules: [{ module: OrdersModule, http: true }] });
    await request(test.instance('orders').httpServer as never)
      .get('/health')
      .expect(200, 'well');
    expect(() => test.instance('nobody')).toThrow('no instance "nobody" in this test: there are orders#1');
  });

  it('runs on a real Redis, without its clock', async () => {
    const { url } = await startPrivateRedis();
    const test = await create({ modules: [PaymentsModule], redis: url });
    expect(await firstValueFrom(test.client('payments').send('charge', { amount: 7 }))).toEqual({ paid: 7 });
    expect(() => test.clock).toThrow('this test is on a real Redis');
    expect(() => test.instance('payments').process).toThrow('"payments#1" is on a real Redis');
  });

  it('refuses options that it does not know', async () => {
    await expect(HydraTest.create({ module: [] } as never)).rejects.toThrow('did you mean "modules"?');
    await expect(
      HydraTest.create({ modules: [{ module: OrdersModule, replica: 3 } as never] }),
    ).rejects.toThrow('"replica" is no option of HydraTest.create.modules: did you mean "replicas"?');
  });

  it('closes what it has started when one of its modules does not start', async () => {
    @Module({})
    class Broken {
      constructor() {
        throw new Error('broken');
      }
    }
    await expect(HydraTest.create({ modules: [PaymentsModule, Broken] })).rejects.toThrow('broken');
  });
});
