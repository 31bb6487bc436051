import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { HydraHealthIndicator } from 'nestjs-hydra';

/** What Kubernetes asks each service: `livenessProbe` → /live, `readinessProbe` → /ready. */
@Controller()
export class ProbesController {
  constructor(private readonly health: HydraHealthIndicator) {}

  @Get('live')
  live(): object {
    return this.health.isAlive('hydra');
  }

  @Get('ready')
  async ready(): Promise<object> {
    const state = await this.health.isHealthy('hydra');
    if (state['hydra']?.status !== 'up') throw new ServiceUnavailableException(state);
    return state;
  }
}
