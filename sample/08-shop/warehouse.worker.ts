import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { HydraJobContext, QueuePattern, StreamService } from 'nestjs-hydra';

import { PARCELS, type Order, type Packing, type Parcel } from './messages.js';

const STEP_MS = 300;
const STEPS: readonly Packing[] = [
  { step: 'picking', percent: 25 },
  { step: 'picking', percent: 50 },
  { step: 'packing', percent: 75 },
];

/** Packs orders. A worker that is killed loses none: another packs its order again. */
@Controller()
export class WarehouseWorker {
  constructor(private readonly streams: StreamService) {}

  @QueuePattern('pack', { concurrency: 10, attempts: 3 })
  async pack(@Payload() order: Order, @Ctx() job: HydraJobContext): Promise<Parcel> {
    for (const packing of STEPS) {
      await job.progress(packing);
      // Ends at once where the job is cancelled.
      await sleep(STEP_MS, undefined, { signal: job.signal });
    }
    const parcel: Parcel = { ...order, parcel: `P-${order.id.slice(0, 8)}` };
    // However often the job runs, an order is told once: the stream knows its id.
    await this.streams.publish(PARCELS, parcel, { type: 'packed', id: order.id, maxLen: 100_000 });
    return parcel;
  }
}
