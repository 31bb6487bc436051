import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { HydraHealthIndicator } from 'nestjs-hydra';

/** What Kubernetes asks: `livenessProbe` → /live, `readinessProbe` → /ready. */
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly hydra: HydraHealthIndicator,
  ) {}

  /** Restart me when this fails. A Redis that is away does not make it fail: a restart would not bring it back. */
  @Get('live')
  @HealthCheck()
  live() {
    return this.health.check([() => this.hydra.isAlive('hydra')]);
  }

  /** Send me work while this is 200. When it is 503, its body says why. */
  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([() => this.hydra.isHealthy('hydra')]);
  }
}
