import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { StreamPattern } from 'nestjs-hydra';

import { STREAM, type Reading } from './reading.js';

const TOO_HOT = 90;

@Controller()
export class AlarmsController {
  private readonly hot = new Set<string>();

  /** One after another for each sensor, since what a reading means depends on the one before. */
  @StreamPattern(STREAM, { from: 'beginning', orderBy: 'sensor' })
  async watch(@Payload() { sensor, celsius }: Reading): Promise<void> {
    await sleep(5);
    if (celsius > TOO_HOT) this.hot.add(sensor);
    else this.hot.delete(sensor);
  }
}
