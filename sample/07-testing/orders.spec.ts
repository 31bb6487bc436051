import { HydraTest } from 'nestjs-hydra/testing';
import { firstValueFrom } from 'rxjs';

import { Mailer, OrdersModule } from './orders.module.js';
import { PaymentsModule } from './payments.module.js';

const ORDER = { amount: 7, email: 'ann@example.org' };

describe('orders', () => {
  let test: HydraTest;
  let sent: string[];

  beforeEach(async () => {
    sent = [];
    const mailer = { send: async (to: string) => void sent.push(to) };
    test = await HydraTest.create({
      modules: [OrdersModule, { module: PaymentsModule, replicas: 2 }],
      override: (builder) => builder.overrideProvider(Mailer).useValue(mailer),
    });
  });

  afterEach(() => test?.close());

  it('are paid', async () => {
    const orders = test.client('orders');
    expect(await firstValueFrom(orders.send('place', ORDER))).toEqual({ paid: 7 });
    await test.expectCall('charge', { amount: 7 });
  });

  it('are refused when the payment is', async () => {
    const charge = await test.stub('payments', 'charge', () => {
      throw new Error('the card is blocked');
    });
    const orders = test.client('orders');
    await expect(firstValueFrom(orders.send('place', ORDER))).rejects.toMatchObject({
      message: 'Internal server error',
    });
    expect(charge.calls).toEqual([{ amount: 7 }]);
    expect(test.jobs('invoice.pdf')).toEqual([]);
  });

  it('get an invoice by mail', async () => {
    await firstValueFrom(test.client('orders').send('place', ORDER));
    await test.expectJob('invoice.pdf', { email: 'ann@example.org' });
    await test.runQueues();
    expect(sent).toEqual(['ann@example.org']);
  });

  it('get it hours later when the mail server is down', async () => {
    const mailer = test.instance('orders').get(Mailer);
    let isDown = true;
    const send = (to: string) => Promise.resolve(void sent.push(to));
    mailer.send = (to) => (isDown ? Promise.reject(new Error('down')) : send(to));
    await firstValueFrom(test.client('orders').send('place', ORDER));
    await test.clock.advance('90 min');
    expect(sent).toEqual([]);
    isDown = false;
    await test.clock.advance('1 h');
    expect(sent).toEqual(['ann@example.org']);
  });

  it('are paid when an instance dies', async () => {
    const orders = test.client('orders', { timeoutMs: 60_000 });
    test.instance('payments#1').process.kill();
    const placed = firstValueFrom(orders.send('place', ORDER));
    await test.clock.advance('30 s');
    expect(await placed).toEqual({ paid: 7 });
    expect((await test.expectCall('charge')).instance).toBe('payments#2');
  });

  it('are paid after Redis has started again without its data', async () => {
    await test.redis.faults.restart({ keepsData: false });
    await test.clock.advance('30 s');
    expect(await firstValueFrom(test.client('orders').send('place', ORDER))).toEqual({ paid: 7 });
  });
});
