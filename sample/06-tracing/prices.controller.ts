import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { QueueService } from 'nestjs-hydra';

@Controller()
export class PricesController {
  constructor(private readonly queue: QueueService) {}

  /** Answers a call, and has the invoice written later. */
  @MessagePattern('price')
  async price(@Payload() article: string): Promise<{ article: string; price: number }> {
    const sold = { article, price: article.length };
    await this.queue.add('invoice', sold, { service: 'invoices' });
    return sold;
  }
}
