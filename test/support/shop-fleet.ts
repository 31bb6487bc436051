import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';

import {
  ConfigStore,
  DiscoveryService,
  HydraClient,
  HydraLogger,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  getClientToken,
} from '../../lib/index.js';
import { atEnd } from './at-end.js';
import { startCaller, startService } from './app.js';
import { eventually } from './eventually.js';

const health = { intervalMs: 500, ttlMs: 5_000 };
/** Between two calls of each pattern. */
const EVERY_MS = 25;

@Controller()
class OrderController {
  @MessagePattern('order.place')
  place(@Payload() n: number): number {
    if (n % 50 === 0) throw new TypeError('no such customer');
    return n;
  }

  @MessagePattern('order.list')
  list(): readonly number[] {
    return [];
  }
}

@Controller()
class StockController {
  @MessagePattern('stock.reserve')
  async reserve(@Payload() n: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, n % 10));
    return n;
  }

  @StreamPattern('sold', { group: 'stock', from: 'beginning' })
  sold(): void {}
}

@Controller()
class MailController {
  @QueuePattern('mail.send', { attempts: 1 })
  send(@Payload() { to }: { readonly to: string }): string {
    if (to.endsWith('.invalid')) throw new Error(`no host for ${to}`);
    return 'sent';
  }

  @StreamPattern('sold', { group: 'receipts', from: 'beginning', attempts: 1 })
  receipt(@Payload() { n }: { readonly n: number }): void {
    if (n === 3) throw new Error('no address');
  }
}

/** A shop of four services with calls, jobs, a stream and configurations, on a Redis that has nothing else. */
export async function startShopFleet(redis: string): Promise<void> {
  const orders = await startService({ service: 'orders', redis, health, version: '1.4.2' }, [
    OrderController,
  ]);
  await startService({ service: 'orders', redis, health, version: '1.4.2' }, [OrderController]);
  await startService({ service: 'stock', redis, health, version: '2.0.1' }, [StockController]);
  const mail = await startService({ service: 'mail', redis, health, version: '1.0.0' }, [MailController]);
  const gateway = await startCaller({ service: 'gateway', redis, health, version: '3.1.0' }, [
    'orders',
    'stock',
  ]);
  const toOrders = gateway.app.get<HydraClient>(getClientToken('orders'));
  const toStock = gateway.app.get<HydraClient>(getClientToken('stock'));
  await Promise.all([toOrders.connect(), toStock.connect()]);
  keepCalling(toOrders, ['order.place', 'order.list']);
  keepCalling(toStock, ['stock.reserve']);
  await sell(orders.app.get(StreamService));
  await post(mail.app.get(QueueService));
  await configure(orders.app.get(ConfigStore));
  mail.app.get(HydraLogger).warn('the mail server is slow', 'Mailer');
  mail.app.get(HydraLogger).error('no host for shop.invalid', undefined, 'Mailer');
  const discovery = orders.app.get(DiscoveryService);
  await eventually(async () => (await discovery.topology()).edges.length > 4, { what: 'who calls whom' });
}

function keepCalling(client: HydraClient, patterns: readonly string[]): void {
  let n = 0;
  const call = () => {
    n++;
    for (const pattern of patterns) client.send(pattern, n).subscribe({ error: () => undefined });
  };
  const timer = setInterval(call, EVERY_MS);
  atEnd(() => clearInterval(timer));
}

async function sell(streams: StreamService): Promise<void> {
  for (let n = 0; n < 20; n++) await streams.publish('sold', { n, item: `book ${n}` }, { type: 'sold' });
}

async function post(queues: QueueService): Promise<void> {
  const to = (n: number) => (n % 3 === 0 ? `${n}@shop.invalid` : `${n}@example.com`);
  await queues.addBulk(Array.from({ length: 30 }, (_, n) => ({ pattern: 'mail.send', data: { to: to(n) } })));
  await queues.repeat('newsletter', '0 6 * * 1', 'mail.send', { to: 'all@example.com' });
  await queues.addBulk(
    Array.from({ length: 5 }, (_, n) => ({ pattern: 'mail.send', data: { to: to(n) }, delayMs: 3_600_000 })),
  );
  await queues.addBulk(
    Array.from({ length: 12 }, (_, n) => ({ pattern: 'report', data: { n }, queue: 'reports' })),
  );
  await eventually(async () => (await queues.counts()).dead === 10, { what: 'dead letters' });
}

async function configure(configs: ConfigStore): Promise<void> {
  const document = { currency: 'EUR', limit: 100, db: { host: 'db.example', password: 'hunter2' } };
  await configs.put('1.4.2', document, { by: 'Ada', why: 'first' });
  await configs.put('1.4.2', { ...document, limit: 250 }, { by: 'Grace', why: 'larger orders' });
}
