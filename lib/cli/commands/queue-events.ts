import { take, type Observable } from 'rxjs';

import type { JobEvent } from '../../queue/model/job-event.js';
import type { QueueRef, QueueService } from '../../queue/producer/queue-service.js';
import type { DurableJobEvent } from '../../queue/watching/event-options.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { untilInterrupted, type GlobalOptions } from '../session/session.js';
import { jsonText, plain, print } from '../session/terminal.js';

export interface EventsOptions {
  readonly durable?: boolean;
  /** Behind which event. */
  readonly after?: string;
  readonly count?: number;
}

/** Prints what happens to the jobs of a queue, until Ctrl-C or so many events. */
export function showEvents(
  queue: QueueService,
  ref: QueueRef,
  { durable, after, count = Infinity }: EventsOptions,
  { json }: GlobalOptions,
): Promise<void> {
  if (after !== undefined && !durable)
    throw new CommandFailure(ExitCode.usage, '--after needs --durable: other events are not kept');
  const since = after === undefined ? {} : { since: after };
  const events: Observable<JobEvent | DurableJobEvent> = durable
    ? queue.events({ ...ref, durable: true, ...since })
    : queue.events(ref);
  return untilInterrupted(events.pipe(take(count)), (event) =>
    print(json ? jsonText(event) : plain(lineOf(event))),
  );
}

function lineOf(event: JobEvent | DurableJobEvent): string {
  const { type, id, pattern } = event;
  const place = 'eventId' in event ? [event.eventId] : [];
  return [...place, type, pattern, id, detailOf(event)].filter(Boolean).join(' ');
}

function detailOf(event: JobEvent | DurableJobEvent): string {
  switch (event.type) {
    case 'completed':
      return `after ${event.tookMs} ms`;
    case 'failed':
      return `${event.error}; again in ${event.retryInMs} ms`;
    case 'dead':
    case 'stalled':
      return event.error;
    case 'cancelled':
      return event.reason;
    case 'progress':
      return event.isLarge ? 'large' : (JSON.stringify(event.value) ?? '');
    case 'gap':
      return `${event.lost ?? 'some'} are missing`;
    default:
      return '';
  }
}
