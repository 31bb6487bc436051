import { Controller, Get, Query } from '@nestjs/common';
import { InjectConfig, Live, LiveConfig, type ConfigStatus } from 'nestjs-hydra';

import { PricingConfig } from './pricing.config.js';

export interface Quote {
  readonly price: number;
  readonly currency: string;
  /** The revision of the configuration that made it. */
  readonly revision: number;
}

@Controller()
export class PricingController {
  constructor(
    @InjectConfig(PricingConfig) private readonly config: Live<PricingConfig>,
    private readonly running: LiveConfig,
  ) {
    config.changes$.subscribe(({ discount }) => console.log(`the discount is ${discount} % now`));
  }

  /** `GET /quote?list=200`: always with the configuration of this moment. */
  @Get('quote')
  quote(@Query('list') list: string): Quote {
    const { discount, currency } = this.config.value;
    return { price: (Number(list) * (100 - discount)) / 100, currency, revision: this.config.revision };
  }

  /** `GET /status`: what this instance runs with, and what it refused. */
  @Get('status')
  status(): ConfigStatus {
    return this.running.status;
  }
}
