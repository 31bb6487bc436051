import { Controller, Injectable, type OnModuleInit } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { HealthContributors } from 'nestjs-hydra';

@Controller()
export class OrdersController {
  @MessagePattern('order')
  order(id: number): { id: number } {
    return { id };
  }
}

/** A part of the application that has something to say about its own health. */
@Injectable()
export class Warehouse implements OnModuleInit {
  private readonly openedAt = Date.now();

  constructor(private readonly health: HealthContributors) {}

  onModuleInit(): void {
    this.health.contribute('warehouse', () => {
      const openForMs = Date.now() - this.openedAt;
      return { activity: { openForMs }, problem: openForMs < 500 ? 'not open yet' : undefined };
    });
  }
}
