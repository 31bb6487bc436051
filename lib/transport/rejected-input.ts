import { inspect } from 'node:util';

import { Logger } from '@nestjs/common';

const REPORT_EVERY_MS = 10_000;
const EXCERPT = 120;

/** Counts what strangers send that is not understood, and says so at most once in ten seconds. */
export class RejectedInput {
  private readonly logger = new Logger('Hydra');
  private total = 0;
  private sinceReport = 0;
  private reportedAt = -Infinity;

  count(what: string, input: unknown): void {
    this.total++;
    this.sinceReport++;
    const now = performance.now();
    if (now - this.reportedAt < REPORT_EVERY_MS) return;
    this.reportedAt = now;
    const excerpt = inspect(input, { depth: 2, breakLength: Infinity }).slice(0, EXCERPT);
    this.logger.warn(`dropped ${this.sinceReport} times what is not ${what}, the last: ${excerpt}`);
    this.sinceReport = 0;
  }
}
