import { AssertionError } from 'node:assert';
import type { Channel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';

import { callEnd, entryPublished, jobAdded } from '../../diagnostics/channels.js';
import type {
  CallDiagnostic,
  EntryPublishedDiagnostic,
  JobAddedDiagnostic,
} from '../../diagnostics/events.js';
import { systemClock } from '../../runtime/clock.js';
import { matches, type Matcher } from './matcher.js';
import type { EventRecord, HandledRecord, JobRecord } from './records.js';

/** How many of the others a failure names. */
const MAX_OTHERS = 20;

interface Recorded {
  readonly pattern: string;
  readonly data: unknown;
}

/** What must have been recorded, or must come soon. */
export interface Expectation<R extends Recorded> {
  /** As it reads in a failure: `job "invoice.pdf"`. */
  readonly what: string;
  readonly records: readonly R[];
  readonly isMeant: (record: R) => boolean;
  readonly matcher: Matcher;
  readonly timeoutMs: number;
}

/** What the instances of one test have added, sent and run. */
export class Journal {
  readonly handled: HandledRecord[] = [];
  readonly jobs: JobRecord[] = [];
  readonly events: EventRecord[] = [];
  private readonly instances = new Set<string>();
  private readonly waiting = new Set<() => void>();
  private readonly listeners = [
    heard(jobAdded, (event) => this.onJob(event)),
    heard(callEnd, (event) => this.onCall(event)),
    heard(entryPublished, (event) => this.onEntry(event)),
  ] as const;

  open(): void {
    for (const [channel, listener] of this.listeners) channel.subscribe(listener);
  }

  close(): void {
    for (const [channel, listener] of this.listeners) channel.unsubscribe(listener);
  }

  /** Records what this instance does; others of this process are not concerned. */
  follow(instanceId: string): void {
    this.instances.add(instanceId);
  }

  ran(record: HandledRecord): void {
    this.handled.push(record);
    this.wake();
  }

  clear(): void {
    for (const records of [this.handled, this.jobs, this.events]) records.length = 0;
  }

  /**
   * The first record that is meant, now or soon.
   *
   * @throws AssertionError naming what there is instead
   */
  async expect<R extends Recorded>(expected: Expectation<R>): Promise<R> {
    const find = () => expected.records.find((record) => isExpected(record, expected));
    return find() ?? (await this.comes(find, expected.timeoutMs)) ?? refuse(expected);
  }

  /** What `find` gives as soon as it gives something; undefined when the time is over. */
  private comes<R>(find: () => R | undefined, timeoutMs: number): Promise<R | undefined> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        this.waiting.delete(look);
        systemClock.clear(timer);
        act();
      };
      const look = () => {
        try {
          const found = find();
          if (found !== undefined) end(() => resolve(found));
        } catch (error) {
          end(() => reject(error));
        }
      };
      const timer = systemClock.setTimeout(() => end(() => resolve(find())), timeoutMs, { ref: true });
      this.waiting.add(look);
    });
  }

  private wake(): void {
    for (const look of this.waiting) look();
  }

  private onJob(event: JobAddedDiagnostic): void {
    if (!this.isOurs(event)) return;
    const { id, service, queue, pattern, data, headers } = event;
    this.jobs.push({ id, service, queue, pattern, data, headers: { ...headers } });
    this.wake();
  }

  private onCall(event: CallDiagnostic): void {
    const { kind, service, pattern, data, headers } = event;
    if (kind === 'call' || !this.isOurs(event)) return;
    this.events.push({ kind, service, stream: undefined, pattern, data, headers: { ...headers } });
    this.wake();
  }

  private onEntry(event: EntryPublishedDiagnostic): void {
    if (!this.isOurs(event)) return;
    const { stream, type: pattern = stream, data, headers } = event;
    this.events.push({ kind: 'entry', service: undefined, stream, pattern, data, headers: { ...headers } });
    this.wake();
  }

  /** What failed was not added. */
  private isOurs({ instanceId, error }: { readonly instanceId: string; readonly error: unknown }): boolean {
    return error === undefined && this.instances.has(instanceId);
  }
}

/** Node's types say of no channel what it publishes. */
function heard<Event>(
  channel: Channel<unknown, Event>,
  listener: (event: Event) => void,
): readonly [Channel, (event: unknown) => void] {
  return [channel, listener as (event: unknown) => void];
}

function isExpected<R extends Recorded>(record: R, { isMeant, matcher }: Expectation<R>): boolean {
  return isMeant(record) && matches(record.data, matcher);
}

function refuse<R extends Recorded>(expected: Expectation<R>): never {
  const { what, records, isMeant, matcher, timeoutMs } = expected;
  const wanted = matcher === undefined ? '' : ` with ${show(matcher)}`;
  const meant = records.filter(isMeant);
  const others = [...new Set(records.map(({ pattern }) => pattern))].slice(0, MAX_OTHERS);
  const instead =
    meant.length > 0
      ? `there were:\n${meant.map(({ data }) => `  ${show(data)}`).join('\n')}`
      : `there were ${others.length > 0 ? `only: ${others.join(', ')}` : 'none'}`;
  throw new AssertionError({
    message: `no ${what}${wanted} within ${timeoutMs} ms; ${instead}`,
    actual: meant.map(({ data }) => data),
    expected: matcher,
    operator: 'match',
  });
}

function show(value: unknown): string {
  return typeof value === 'function' ? value.toString() : inspect(value, { depth: 6, breakLength: 100 });
}
