import { Controller, Injectable, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  HydraClient,
  HydraModule,
  HydraRecordBuilder,
  InjectClient,
  QueuePattern,
  QueueService,
} from 'nestjs-hydra';
import { firstValueFrom } from 'rxjs';

@Injectable()
export class Mailer {
  async send(to: string): Promise<void> {
    throw new Error(`there is no mail server for ${to} here`);
  }
}

@Controller()
export class OrdersController {
  constructor(
    @InjectClient('payments') private readonly payments: HydraClient,
    private readonly queues: QueueService,
    private readonly mailer: Mailer,
  ) {}

  @MessagePattern('place')
  async place(@Payload() order: { amount: number; email: string }): Promise<{ paid: number }> {
    const charge = new HydraRecordBuilder({ amount: order.amount }).setIdempotent(true).build();
    const payment = await firstValueFrom(this.payments.send<{ paid: number }>('charge', charge));
    await this.queues.add('invoice.pdf', order);
    return payment;
  }

  @QueuePattern('invoice.pdf', { attempts: 5, backoff: { type: 'fixed', delayMs: 3_600_000 } })
  async invoice(@Payload() { email }: { email: string }): Promise<void> {
    await this.mailer.send(email);
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: 'orders' }), HydraModule.forFeature({ clients: ['payments'] })],
  controllers: [OrdersController],
  providers: [Mailer],
})
export class OrdersModule {}
