import { Logger } from '@nestjs/common';

import type { Clock } from './clock.js';
import { oneLine } from './one-line.js';

/** The default interval in which one topic is logged once, in milliseconds. */
const INTERVAL_MS = 10_000;
/** The largest number of topics in one interval, because a topic may contain a name from outside. All further topics are one. */
const MAX_TOPICS = 100;
/** A topic is told by so many characters at most: it is kept. */
const MAX_TOPIC_LENGTH = 200;
const OTHERS = '';

interface Topic {
  suppressed: number;
  loggedAt: number;
}

/** Warns about what keeps failing: each topic once in ten seconds, the last of what happened since, and how many more did. */
export class ThrottledLogger {
  private readonly logger = new Logger('Hydra');
  /** What was logged longest ago is the first. */
  private readonly topics = new Map<string, Topic>();

  constructor(
    private readonly clock: Clock,
    private readonly intervalMs = INTERVAL_MS,
  ) {}

  /**
   * @param topic what counts as the same warning
   * @param line its text, or the way to make it, where that costs something; control characters are escaped
   */
  warn(topic: string, line: string | (() => string)): void {
    const now = this.clock.monotonic();
    const name = this.nameOf(topic, now);
    const known = this.topics.get(name) ?? { suppressed: 0, loggedAt: -Infinity };
    known.suppressed++;
    if (now - known.loggedAt < this.intervalMs) return;
    const text = oneLine(typeof line === 'string' ? line : line());
    this.logger.warn(known.suppressed > 1 ? `${text} (and ${known.suppressed - 1} more like it)` : text);
    this.topics.delete(name);
    this.topics.set(name, { suppressed: 0, loggedAt: now });
  }

  /** Forgets what was logged: the next warning of each topic is written at once. */
  reset(): void {
    this.topics.clear();
  }

  private nameOf(topic: string, now: number): string {
    const name = topic.slice(0, MAX_TOPIC_LENGTH);
    if (this.topics.has(name) || this.topics.size < MAX_TOPICS) return name;
    const [oldest] = this.topics;
    if (!oldest || now - oldest[1].loggedAt < this.intervalMs) return OTHERS;
    this.topics.delete(oldest[0]);
    return name;
  }
}
