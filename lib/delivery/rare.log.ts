import { Logger } from '@nestjs/common';

import { oneLine } from './one.line.js';

const EVERY_MS = 10_000;

interface Topic {
  unsaid: number;
  saidAt: number;
}

/** Warns about what goes on failing: each topic once in ten seconds, and how often it was meanwhile. */
export class RareLog {
  private readonly logger = new Logger('Hydra');
  private readonly topics = new Map<string, Topic>();

  /** @param topic one of a few words: each is kept for good */
  warn(topic: string, line: string): void {
    const known = this.topics.get(topic) ?? { unsaid: 0, saidAt: -Infinity };
    this.topics.set(topic, known);
    known.unsaid++;
    const now = performance.now();
    if (now - known.saidAt < EVERY_MS) return;
    const text = oneLine(line);
    this.logger.warn(known.unsaid > 1 ? `${text} (${known.unsaid} times)` : text);
    known.saidAt = now;
    known.unsaid = 0;
  }
}
