import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  MessageEvent,
  NotFoundException,
  OnApplicationBootstrap,
  Param,
  ParseIntPipe,
  Post,
  Put,
  Query,
  Sse,
  ValidationPipe,
} from '@nestjs/common';
import {
  QueueService,
  type CancelOutcome,
  type DeadJob,
  type JobCounts,
  type JobLogLine,
  type JobView,
} from 'nestjs-hydra';
import { map, type Observable } from 'rxjs';

import { Customers } from './customers.js';
import { Invoice, jobIdOf, type RenderedInvoice } from './invoice.js';

@Controller()
export class InvoiceController implements OnApplicationBootstrap {
  constructor(
    private readonly queue: QueueService,
    private readonly customers: Customers,
  ) {}

  onApplicationBootstrap(): void {
    this.queue.events().subscribe((event) => console.log(JSON.stringify(event)));
  }

  /** `POST /invoices`: answered as soon as Redis has the job. */
  @Post('invoices')
  @HttpCode(202)
  async add(@Body(new ValidationPipe({ transform: true })) invoice: Invoice) {
    const { id, isNew } = await this.queue.add<RenderedInvoice>('invoice.pdf', invoice, {
      id: jobIdOf(invoice.number),
    });
    return { id, isNew };
  }

  /** `GET /invoices/7`: where it stands, how far it is, and where the file is in the end. */
  @Get('invoices/:number')
  async find(@Param('number', ParseIntPipe) number: number): Promise<JobView> {
    const job = await this.queue.get(jobIdOf(number));
    if (!job) throw new NotFoundException();
    return job;
  }

  /** `GET /invoices/7/events`: the same after each change, until its end, as server-sent events. */
  @Sse('invoices/:number/events')
  watch(@Param('number', ParseIntPipe) number: number): Observable<MessageEvent> {
    return this.queue.watch(jobIdOf(number)).pipe(map((job) => ({ data: job })));
  }

  /** `GET /invoices/7/log`: what its handler noted for a person. */
  @Get('invoices/:number/log')
  log(@Param('number', ParseIntPipe) number: number): Promise<JobLogLine[]> {
    return this.queue.logs(jobIdOf(number));
  }

  /** `DELETE /invoices/7`: ends it, also while it is rendered. */
  @Delete('invoices/:number')
  async cancel(@Param('number', ParseIntPipe) number: number): Promise<{ outcome: CancelOutcome }> {
    return { outcome: await this.queue.cancel(jobIdOf(number), { reason: 'not wanted any more' }) };
  }

  @Get('counts')
  counts(): Promise<JobCounts> {
    return this.queue.counts();
  }

  /** `GET /dead-letters`: what was given up, and why. */
  @Get('dead-letters')
  deadLetters(): Promise<DeadJob[]> {
    return this.queue.deadLetters();
  }

  /** `POST /dead-letters/invoice-8/redrive`, or `all`; with `?dryRun=1` only says what would be done. */
  @Post('dead-letters/:id/redrive')
  redrive(@Param('id') id: string, @Query('dryRun') dryRun?: string): Promise<string[]> {
    return this.queue.redrive(id, { dryRun: dryRun === '1' });
  }

  /** `PUT /customers/grace`: what may be missing for an invoice. */
  @Put('customers/:name')
  @HttpCode(204)
  setAddress(@Param('name') name: string, @Body('address') address: string): void {
    this.customers.setAddress(name, address);
  }
}
