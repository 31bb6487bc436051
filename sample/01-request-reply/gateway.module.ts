import { Controller, Get, Module, Query } from '@nestjs/common';
import {
  DiscoveryService,
  HydraClient,
  HydraModule,
  HydraRecordBuilder,
  InjectClient,
  type Instance,
} from 'nestjs-hydra';
import type { Observable } from 'rxjs';

import type { Sum } from './math.module.js';

@Controller()
export class GatewayController {
  constructor(
    private readonly discovery: DiscoveryService,
    @InjectClient('math') private readonly math: HydraClient,
  ) {}

  /** `GET /sum?n=1,2,3` */
  @Get('sum')
  sum(@Query('n') list: string): Observable<Sum> {
    const numbers = list.split(',').map(Number);
    // Adding is idempotent, so a call whose instance dies under it may be made again at another.
    return this.math.send('sum', new HydraRecordBuilder(numbers).setIdempotent(true).build());
  }

  /** `GET /instances`: answered from memory. */
  @Get('instances')
  instances(): readonly Instance[] {
    return this.discovery.instances('math');
  }
}

@Module({
  imports: [HydraModule.forRoot({ service: 'gateway' }), HydraModule.forFeature({ clients: ['math'] })],
  controllers: [GatewayController],
})
export class GatewayModule {}
