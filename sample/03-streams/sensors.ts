import { Injectable } from '@nestjs/common';
import { StreamService } from 'nestjs-hydra';

import { STREAM, type Reading } from './reading.js';

const SENSORS = 8;
const EVERY_MS = 100;

/** Eight sensors, each with ten readings a second. */
@Injectable()
export class Sensors {
  published = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly streams: StreamService) {}

  start(): void {
    this.timer = setInterval(() => this.readAll(), EVERY_MS);
  }

  /** Resolves once Redis has stored every reading. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  private readAll(): void {
    for (let index = 0; index < SENSORS; index++) {
      const reading = { sensor: `sensor-${index}`, celsius: Math.round(Math.random() * 100) };
      const publishing = this.publish(reading).finally(() => this.underWay.delete(publishing));
      this.underWay.add(publishing);
    }
  }

  private async publish(reading: Reading): Promise<void> {
    await this.streams.publish(STREAM, reading, { type: 'reading', maxLen: 100_000 });
    this.published++;
  }
}
