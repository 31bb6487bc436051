import { Logger } from '@nestjs/common';

import { oneLine } from '../runtime/one-line.js';

const EVERY_MS = 10_000;
/** Topics may hold a name that comes from outside: beyond these, the rest is one topic. */
const MOST_TOPICS = 100;
const OTHERS = '';

interface Topic {
  unsaid: number;
  saidAt: number;
}

/** Warns about what goes on failing: each topic once in ten seconds, and how often it was meanwhile. */
export class RareLog {
  private readonly logger = new Logger('Hydra');
  private readonly topics = new Map<string, Topic>();

  warn(topic: string, line: string): void {
    const known = this.topicOf(topic);
    known.unsaid++;
    const now = performance.now();
    if (now - known.saidAt < EVERY_MS) return;
    const text = oneLine(line);
    this.logger.warn(known.unsaid > 1 ? `${text} (${known.unsaid} times)` : text);
    known.saidAt = now;
    known.unsaid = 0;
  }

  private topicOf(name: string): Topic {
    const kept = this.topics.has(name) || this.topics.size < MOST_TOPICS ? name : OTHERS;
    const topic = this.topics.get(kept) ?? { unsaid: 0, saidAt: -Infinity };
    this.topics.set(kept, topic);
    return topic;
  }
}
