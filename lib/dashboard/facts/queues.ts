import type { Asked } from '../../doctor/evidence/asked.js';
import { queueOf } from '../../doctor/evidence/decoded.js';
import type { SeenQueue } from '../../doctor/evidence/facts.js';
import { queuesAmong } from '../../doctor/evidence/keys-seen.js';
import type { Reading } from '../collect/collector.js';
import type { KnownNames } from './known-names.js';
import { listedServices, lookAt, whyNot } from './look.js';
import type { Place } from './place.js';

/** One queue in the list of all. */
export interface ListedQueue extends SeenQueue {
  /** Why it could not be read: its numbers say nothing then. */
  readonly unread: string | undefined;
}

/** The queue of each service, and those with a name of their own. */
export interface ListedQueues {
  readonly queues: readonly ListedQueue[];
  /** What was not looked at, in words. */
  readonly notes: readonly string[];
}

/** Reads how deep all queues are, by a few commands. */
export async function readQueues(
  { instance }: Place,
  asked: Asked,
  names: KnownNames,
): Promise<Reading & { readonly value: ListedQueues }> {
  const [services, { keys, notes }] = await Promise.all([listedServices(instance, asked), names.find(asked)]);
  const seen = await lookAt(instance, asked, { services: [], queues: queuesAmong(services, keys) });
  const now = instance.clock.now();
  const queues = seen.queues
    .map((one) => ({ ...queueOf(one, now), unread: whyNot(one[2][0]) }))
    .toSorted((a, b) => a.service.localeCompare(b.service) || a.queue.localeCompare(b.queue));
  const value = {
    queues,
    notes: [...seen.missed.queue, ...notes.map((why) => `queues with a name of their own: ${why}`)],
  };
  return { value };
}
