import type { ServerResponse } from 'node:http';

import type { Clock } from '../../runtime/clock.js';
import type { Collector } from '../collect/collector.js';
import type { Topics } from '../collect/topics.js';
import { EventStream } from './event-stream.js';
import { Refusal } from './refusal.js';

/** What one page watches. */
const MAX_TOPICS = 8;
/** Pages that watch at one time. */
const MAX_STREAMS = 200;

interface Watching {
  readonly clock: Clock;
  readonly collector: Collector;
  readonly topics: Topics;
}

/** All streams of events that are open: `open → closed`. */
export class EventStreams {
  private readonly open = new Set<EventStream>();
  private isClosed = false;

  constructor(private readonly watching: Watching) {}

  /**
   * Answers with what is told of topics, until somebody ends it.
   *
   * @throws Refusal for names that nothing has, for too many, and at the end of the process
   */
  follow(response: ServerResponse, names: readonly string[]): void {
    const { clock, collector } = this.watching;
    const topics = this.topicsOf(names);
    const stream = new EventStream(response, clock);
    this.open.add(stream);
    stream.onEnd(() => this.open.delete(stream));
    for (const [name, topic] of topics)
      stream.onEnd(collector.watch(name, topic, (news) => stream.send(name, news)));
  }

  /** Ends them all, and refuses others. */
  close(): void {
    this.isClosed = true;
    for (const stream of this.open) stream.close();
  }

  private topicsOf(names: readonly string[]) {
    if (names.length > MAX_TOPICS) throw new Refusal(400, `a page watches ${MAX_TOPICS} things at most`);
    const topics = names.map((name) => [name, this.watching.topics.of(name)] as const);
    if (this.isClosed) throw new Refusal(503, 'the process that serves the page ends');
    if (this.open.size >= MAX_STREAMS) throw new Refusal(503, `${MAX_STREAMS} pages watch already`);
    return topics;
  }
}
