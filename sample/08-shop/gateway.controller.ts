import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';

import {
  Body,
  Controller,
  Delete,
  Get,
  Header,
  HttpCode,
  Param,
  Post,
  Sse,
  ValidationPipe,
  type MessageEvent,
} from '@nestjs/common';
import {
  DiscoveryService,
  HydraClient,
  HydraRecordBuilder,
  InjectClient,
  QueueService,
  type CancelOutcome,
  type Topology,
} from 'nestjs-hydra';
import { firstValueFrom, map, type Observable } from 'rxjs';

import { OrderRequest, type Article, type Order, type Parcel, type Quote } from './messages.js';

const WAREHOUSE = { service: 'warehouse' };
const PAGE = new URL('shop.html', import.meta.url);

/** The shop as its customers see it. */
@Controller()
export class GatewayController {
  constructor(
    @InjectClient('catalog') private readonly catalog: HydraClient,
    @InjectClient('accounts') private readonly accounts: HydraClient,
    private readonly queue: QueueService,
    private readonly discovery: DiscoveryService,
  ) {}

  @Get()
  @Header('content-type', 'text/html; charset=utf-8')
  page(): Promise<string> {
    return readFile(PAGE, 'utf8');
  }

  /** Reading may be repeated: no visitor sees the death of one instance of the catalogue. */
  @Get('articles')
  articles(): Observable<Article[]> {
    return this.catalog.send('articles', new HydraRecordBuilder(null).setIdempotent(true).build());
  }

  /** Asks for the price, and is answered as soon as Redis has the job. */
  @Post('orders')
  @HttpCode(202)
  async order(
    @Body(new ValidationPipe({ transform: true, whitelist: true })) request: OrderRequest,
  ): Promise<Order> {
    const { customer, article, count } = request;
    const quote = await firstValueFrom(this.catalog.send<Quote>('quote', request));
    const order: Order = { id: randomUUID(), customer, article, count, ...quote };
    await this.queue.add<Parcel>('pack', order, { ...WAREHOUSE, id: order.id });
    return order;
  }

  /** The job after each change, until its end: how far the packing is, for the browser. */
  @Sse('orders/:id/events')
  watch(@Param('id') id: string): Observable<MessageEvent> {
    return this.queue.watch(id, WAREHOUSE).pipe(map((job) => ({ data: job })));
  }

  @Delete('orders/:id')
  async cancel(@Param('id') id: string): Promise<{ outcome: CancelOutcome }> {
    return { outcome: await this.queue.cancel(id, { ...WAREHOUSE, reason: 'by the customer' }) };
  }

  @Get('revenue')
  revenue(): Observable<object> {
    return this.accounts.send('revenue', new HydraRecordBuilder(null).setIdempotent(true).build());
  }

  /** Who calls whom, how often, and how long that takes. */
  @Get('topology')
  topology(): Promise<Topology> {
    return this.discovery.topology();
  }
}
