import 'reflect-metadata';
import assert from 'node:assert';
import { test } from 'node:test';
import { HydraTest } from 'nestjs-hydra/testing';
import { firstValueFrom } from 'rxjs';

import { Mailer, OrdersModule } from './orders.module.js';
import { PaymentsModule } from './payments.module.js';

/** The same with Node's own test runner. */
void test('orders are paid when an instance dies, and get an invoice', async () => {
  await using services = await HydraTest.create({
    modules: [OrdersModule, { module: PaymentsModule, replicas: 2 }],
    override: (builder) => builder.overrideProvider(Mailer).useValue({ send: async () => undefined }),
  });
  services.instance('payments#1').process.kill();
  const placed = firstValueFrom(services.client('orders').send('place', { amount: 7, email: 'a@b.c' }));
  await services.clock.advance('30 s');
  assert.deepEqual(await placed, { paid: 7 });
  await services.expectJob('invoice.pdf', { amount: 7 });
  await services.runQueues();
  assert.equal(services.calls('invoice.pdf').length, 1);
});
