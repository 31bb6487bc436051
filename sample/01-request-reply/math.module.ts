import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { DiscoveryService, HydraModule } from 'nestjs-hydra';

export interface Sum {
  readonly sum: number;
  /** Which of the instances answered. */
  readonly instance: string;
}

@Controller()
export class MathController {
  constructor(private readonly discovery: DiscoveryService) {}

  @MessagePattern('sum')
  sum(@Payload() numbers: number[]): Sum {
    return { sum: numbers.reduce((a, b) => a + b, 0), instance: this.discovery.instanceId };
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: 'math' })],
  controllers: [MathController],
})
export class MathModule {}
