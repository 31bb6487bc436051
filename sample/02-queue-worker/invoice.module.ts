import { Module } from '@nestjs/common';
import { HydraModule } from 'nestjs-hydra';

import { Customers } from './customers.js';
import { InvoiceController } from './invoice.controller.js';
import { InvoiceWorker } from './invoice.worker.js';
import { TaxOffice } from './tax.office.js';

@Module({
  imports: [HydraModule.forRoot({ service: 'invoices' })],
  // Without the worker the process only adds jobs, and another one of the service works.
  controllers: [InvoiceController, InvoiceWorker],
  providers: [Customers, TaxOffice],
})
export class InvoiceModule {}
