import type { Subscriber } from 'rxjs';

import type { RedisConnections } from '../../redis/redis-connections.js';
import { readEvents } from '../model/job-event.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { openHistory } from '../scripts/event-scripts.js';
import {
  isBeginning,
  readPlace,
  writePlace,
  type DurableJobEvent,
  type EventPlace,
  type ResolvedDurable,
} from './event-options.js';
import { isUnavailable } from './job-waiters.js';

/** Events that one command reads. */
const PAGE = 500;

/** Reads the events of a queue that are kept, one after the other, and says where some are missing. */
export class KeptEventsReader {
  /** The last that was told. */
  private at: EventPlace | undefined;
  private isReading = false;
  /** There may be more than was read. */
  private isDue = false;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly options: ResolvedDurable,
    private readonly subscriber: Subscriber<DurableJobEvent>,
  ) {
    this.at = options.since;
  }

  /** Something was told. Never rejects. */
  async read(): Promise<void> {
    this.isDue = true;
    if (this.isReading || !this.at) return;
    this.isReading = true;
    try {
      while (this.isDue && !this.subscriber.closed) {
        this.isDue = false;
        await this.readPage();
      }
    } catch (error) {
      this.fail(error);
    }
    this.isReading = false;
  }

  /**
   * Has events kept for longer, and looks whether Redis has what it had: called at the beginning, now and then, and when Redis is there
   * again. Never rejects.
   */
  async check(): Promise<void> {
    try {
      const { count, ageMs } = this.options;
      const last = await this.redis.run('keep events', (redis) =>
        openHistory.run(redis, [this.keys.history, count, ageMs]),
      );
      this.compare(readPlace(last));
    } catch (error) {
      return this.fail(error);
    }
    await this.read();
  }

  /** Redis may have come back with less than it had: what comes next has numbers that were told already. */
  private compare(last: EventPlace | undefined): void {
    if (!last) return;
    if (this.at && isBehind(last, this.at)) this.miss(undefined);
    if (!this.at || isBehind(last, this.at)) this.at = last;
  }

  private async readPage(): Promise<void> {
    const { began, number } = this.at!;
    const from = writePlace({ began, number: number + 1 });
    const entries = await this.redis.run('read events', (redis) =>
      redis.xrange(this.keys.history, from, '+', 'COUNT', PAGE),
    );
    for (const [id, fields] of entries) this.see(id, fields[3] ?? '');
    this.isDue ||= entries.length === PAGE;
  }

  private see(id: string, text: string): void {
    const { at, subscriber } = this;
    const place = readPlace(id);
    if (!place || !at || !isBehind(at, place)) return;
    const isSame = at.began === place.began;
    const lost = isSame ? place.number - at.number - 1 : undefined;
    if (lost !== 0 && !isBeginning(at)) this.miss(lost);
    this.at = place;
    for (const event of readEvents(`[${text}]`)) subscriber.next({ ...event, eventId: id });
  }

  private miss(lost: number | undefined): void {
    this.subscriber.next({ type: 'gap', id: '', pattern: '', lost, eventId: writePlace(this.at!) });
  }

  /** While Redis is away nothing is known: when it is there again, it is read on. */
  private fail(error: unknown): void {
    if (isUnavailable(error)) this.isDue = true;
    else this.subscriber.error(error);
  }
}

function isBehind(a: EventPlace, b: EventPlace): boolean {
  return a.began < b.began || (a.began === b.began && a.number < b.number);
}
