import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { StreamPattern } from 'nestjs-hydra';

import { PARCELS, type Parcel } from './messages.js';
import { Storage } from './storage.js';

/** What was earned. */
@Controller()
export class AccountsController {
  constructor(private readonly storage: Storage) {}

  /** In the order in which the parcels of a customer were packed, over all instances. */
  @StreamPattern(PARCELS, { type: 'packed', from: 'beginning', orderBy: 'customer' })
  async book(@Payload() { id, totalCents }: Parcel): Promise<void> {
    await this.storage.hset('booked', id, totalCents);
  }

  @MessagePattern('revenue')
  async revenue(): Promise<{ orders: number; cents: number }> {
    const booked = await this.storage.hvals('booked');
    return { orders: booked.length, cents: booked.reduce((sum, cents) => sum + Number(cents), 0) };
  }
}
