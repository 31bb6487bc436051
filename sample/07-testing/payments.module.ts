import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { HydraModule } from 'nestjs-hydra';

@Controller()
export class PaymentsController {
  @MessagePattern('charge')
  charge(@Payload() { amount }: { amount: number }): { paid: number } {
    return { paid: amount };
  }
}

@Module({ imports: [HydraModule.forRoot({ service: 'payments' })], controllers: [PaymentsController] })
export class PaymentsModule {}
