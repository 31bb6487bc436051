import { rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Controller, ValidationPipe } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { DeadLetter, HydraJobContext, QueuePattern } from 'nestjs-hydra';

import { Customers } from './customers.js';
import { Invoice, type RenderedInvoice } from './invoice.js';
import { renderPdf } from './pdf.js';
import { TaxOffice } from './tax.office.js';

@Controller()
export class InvoiceWorker {
  constructor(
    private readonly customers: Customers,
    private readonly taxOffice: TaxOffice,
  ) {}

  @QueuePattern('invoice.pdf', {
    concurrency: 4,
    attempts: 5,
    backoff: { type: 'exponential', delayMs: 200 },
    timeoutMs: 10_000,
  })
  async render(
    @Payload(new ValidationPipe({ transform: true })) { number, customer, lines }: Invoice,
    @Ctx() job: HydraJobContext,
  ): Promise<RenderedInvoice> {
    const address = this.customers.addressOf(customer);
    // Trying again would not help: somebody has to enter the address first.
    if (address === undefined) throw new DeadLetter(`no address of "${customer}"`);

    await job.progress('asking for the tax');
    // Once it has answered, no later attempt asks again.
    const rate = await job.step('tax', () => this.taxOffice.rate());
    await job.log(`the tax is ${rate * 100} %`);

    await job.progress('rendering');
    const net = lines.reduce((sum, { cents }) => sum + cents, 0);
    const totalCents = Math.round(net * (1 + rate));
    const rows = lines.map(({ text, cents }) => row(text, cents));
    const end = [row('Tax', totalCents - net), row('Total', totalCents)];
    const pdf = renderPdf([`Invoice ${number}`, '', customer, address, '', ...rows, '', ...end]);
    const file = join(tmpdir(), `invoice-${number}.pdf`);
    await replace(file, pdf, job.fence);
    return { file, totalCents, attempt: job.attempt };
  }
}

/** A job may run twice: the file is there as a whole or not at all, and a second run only puts the same there again. */
async function replace(file: string, bytes: Buffer, fence: number): Promise<void> {
  const draft = `${file}.${fence}`;
  await writeFile(draft, bytes);
  await rename(draft, file);
}

function row(text: string, cents: number): string {
  return text.slice(0, 40).padEnd(42) + (cents / 100).toFixed(2).padStart(10);
}
