import { setTimeout as sleep } from 'node:timers/promises';

import { Controller } from '@nestjs/common';
import { Payload } from '@nestjs/microservices';
import { StreamPattern } from 'nestjs-hydra';

import { STREAM, type Reading } from './reading.js';

const DISK_MS = 200;

@Controller()
export class ArchiveController {
  /** A slow disk that takes many at once. */
  @StreamPattern(STREAM, { from: 'beginning', concurrency: 1, batch: { size: 100, waitMs: 100 } })
  async store(@Payload() readings: readonly Reading[]): Promise<void> {
    await sleep(DISK_MS + readings.length);
  }
}
