import type { Subscriber } from 'rxjs';

import type { RedisConnections } from '../../redis/redis-connections.js';
import { readEvents } from '../model/job-event.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { openHistory } from '../scripts/event-scripts.js';
import {
  BEGINNING,
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

/** An entry of a stream: its id, and its fields with their values. */
type Entry = readonly [id: string, fields: readonly string[]];

/** Reads the events of a queue that are kept, one after the other, and says where some are missing. */
export class KeptEventsReader {
  /** The last that was told. */
  private at: EventPlace | undefined;
  /** One thing at a time: what was asked before something was told does not say what is there after it. */
  private isWorking = false;
  /** There may be more than was read. */
  private isDue = false;
  private isCheckDue = false;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly options: ResolvedDurable,
    private readonly subscriber: Subscriber<DurableJobEvent>,
  ) {
    this.at = options.since;
  }

  /** Something was told. Never rejects. */
  read(): Promise<void> {
    this.isDue = true;
    return this.work();
  }

  /**
   * Has events kept for longer, and looks whether Redis has what it had: called at the beginning, now and then, and when Redis is there
   * again. Never rejects.
   */
  check(): Promise<void> {
    this.isCheckDue = true;
    return this.work();
  }

  private async work(): Promise<void> {
    if (this.isWorking) return;
    this.isWorking = true;
    try {
      while ((this.isCheckDue || this.isDue) && !this.subscriber.closed) {
        await (this.isCheckDue ? this.keepOpen() : this.readPage());
      }
    } catch (error) {
      this.fail(error);
    }
    this.isWorking = false;
  }

  /** Redis may have come back with less than it had: what comes next has numbers that were told already. */
  private async keepOpen(): Promise<void> {
    const { count, ageMs } = this.options;
    this.isCheckDue = false;
    const text = await this.redis.run('keep events', (redis) =>
      openHistory.run(redis, [this.keys.history, count, ageMs]),
    );
    const last = readPlace(text);
    if (last && this.at && isBehind(last, this.at)) await this.goBack();
    this.at ??= last;
    this.isDue = true;
  }

  /** Begins with the last that was told: another one may have its number, where Redis came back with less than it had. */
  private async readPage(): Promise<void> {
    this.isDue = false;
    const { at } = this;
    if (!at) return;
    const entries = await this.redis.run('read events', (redis) =>
      redis.xrange(this.keys.history, `${at.began}-${at.number}`, '+', 'COUNT', PAGE),
    );
    const first = placeOf(entries[0]);
    this.isDue ||= entries.length === PAGE;
    if (first && isSame(first, at) && isOther(first, at)) return this.goBack();
    for (const entry of entries) this.see(entry);
  }

  private see(entry: Entry): void {
    const { at, subscriber } = this;
    const place = placeOf(entry);
    if (!place || !at || !isBehind(at, place)) return;
    const lost = at.began === place.began ? place.number - at.number - 1 : undefined;
    if (lost !== 0 && !isBeginning(at)) this.miss(lost);
    this.at = place;
    const eventId = writePlace(place);
    for (const event of readEvents(`[${fieldOf(entry, 'event')}]`)) subscriber.next({ ...event, eventId });
  }

  /** Some are missing that were told, and perhaps others: on from the last that is there of those. */
  private async goBack(): Promise<void> {
    this.miss(undefined);
    this.at = await this.lastTold(this.at!.stamp);
    this.isDue = true;
  }

  private async lastTold(stamp: string): Promise<EventPlace> {
    for (let from = '+'; ;) {
      const entries = await this.redis.run('read events', (redis) =>
        redis.xrevrange(this.keys.history, from, '-', 'COUNT', PAGE),
      );
      const told = entries.map(placeOf).find((place) => place && !isLater(place.stamp, stamp));
      if (told) return told;
      const [oldest] = entries.at(-1) ?? [];
      if (entries.length < PAGE || oldest === undefined) return BEGINNING;
      from = `(${oldest}`;
    }
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

function fieldOf([, fields]: Entry, name: string): string {
  const at = fields.indexOf(name);
  return at % 2 === 0 ? (fields[at + 1] ?? '') : '';
}

function placeOf(entry: Entry | undefined): EventPlace | undefined {
  const place = entry && readPlace(entry[0]);
  return place && { ...place, stamp: fieldOf(entry, 'at') };
}

function isBehind(a: EventPlace, b: EventPlace): boolean {
  return a.began < b.began || (a.began === b.began && a.number < b.number);
}

function isSame(a: EventPlace, b: EventPlace): boolean {
  return a.began === b.began && a.number === b.number;
}

/** An entry of an earlier version does not say when it was written. */
function isOther(a: EventPlace, b: EventPlace): boolean {
  return a.stamp !== '' && b.stamp !== '' && a.stamp !== b.stamp;
}

/** Than one whose instant is not known, nothing is. */
function isLater(stamp: string, than: string): boolean {
  return than !== '' && Number(stamp) > Number(than);
}
