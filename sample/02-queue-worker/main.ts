import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HydraModule, HydraServer } from 'nestjs-hydra';

import { Customers } from './customers.js';
import { InvoiceController } from './invoice.controller.js';
import { InvoiceWorker } from './invoice.worker.js';
import { TaxOffice } from './tax.office.js';

@Module({
  imports: [HydraModule.forRoot({ service: 'invoices' })],
  controllers: [InvoiceController, InvoiceWorker],
  providers: [Customers, TaxOffice],
})
class InvoiceModule {}

const app = await NestFactory.create(InvoiceModule);
// Without these two lines the process only adds jobs, and another one of the service works.
app.connectMicroservice({ strategy: app.get(HydraServer) });
await app.startAllMicroservices();
app.enableShutdownHooks();
await app.listen(process.env['PORT'] ?? 3000, '127.0.0.1');
console.log(JSON.stringify({ ready: true, url: await app.getUrl() }));
