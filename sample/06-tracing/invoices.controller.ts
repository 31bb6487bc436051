import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { QueuePattern, StreamService } from 'nestjs-hydra';

@Controller()
export class InvoicesController {
  constructor(private readonly streams: StreamService) {}

  /** A job. */
  @QueuePattern('invoice')
  async invoice(@Payload() sold: object): Promise<void> {
    await this.streams.publish('sales', sold);
  }
}
