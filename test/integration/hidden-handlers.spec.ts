import { Controller, Logger } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';

import { QueuePattern } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class FirstController {
  @MessagePattern('sum')
  sum(): string {
    return 'first';
  }

  @QueuePattern('invoice')
  invoice(): void {}

  @EventPattern('paid')
  paid(order: unknown): unknown {
    return order;
  }
}

@Controller()
class SecondController {
  @MessagePattern('sum')
  sum(): string {
    return 'second';
  }

  @QueuePattern('invoice')
  invoice(): void {}

  @EventPattern('paid')
  paid(order: unknown): unknown {
    return order;
  }
}

describe('two handlers of one pattern', () => {
  it('are told of at the start, where only one of them is called', async () => {
    const warned: string[] = [];
    Logger.overrideLogger({ log() {}, error() {}, warn: (text: string) => warned.push(text) });
    const options = { service: uniqueService('hidden'), redis: await testRedis() };
    await startService(options, [FirstController, SecondController]);
    expect(warned).toEqual([
      'two handlers of @MessagePattern("sum"): only the one that Nest found last is called',
      'two handlers of @QueuePattern("invoice"): only the one that Nest found last is called',
    ]);
  });
});
