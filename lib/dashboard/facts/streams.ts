import type { Asked } from '../../doctor/evidence/asked.js';
import { groupsOf } from '../../doctor/evidence/decoded.js';
import type { SeenGroup } from '../../doctor/evidence/facts.js';
import type { Reading } from '../collect/collector.js';
import type { KnownNames } from './known-names.js';
import { lookAt, whyNot } from './look.js';
import type { Place } from './place.js';

/** One stream in the list of all. */
export interface ListedStream {
  readonly stream: string;
  readonly length: number;
  readonly groups: readonly SeenGroup[];
  /** Why it could not be read: its numbers say nothing then. */
  readonly unread: string | undefined;
}

/** All streams that were found. */
export interface ListedStreams {
  readonly streams: readonly ListedStream[];
  /** What was not looked at, in words. */
  readonly notes: readonly string[];
}

/** Reads how long all streams are and how far their groups have come, by a few commands. */
export async function readStreams(
  { instance }: Place,
  asked: Asked,
  names: KnownNames,
): Promise<Reading & { readonly value: ListedStreams }> {
  const { keys, notes } = await names.find(asked);
  const streams = [...(keys?.streams ?? [])].toSorted();
  const seen = await lookAt(instance, asked, { services: [], streams });
  const now = instance.clock.now();
  const value = {
    streams: [...seen.streams].map(([stream, found]) => ({
      ...{ stream, length: found[1], unread: whyNot(found[0]) },
      groups: groupsOf(instance.keys, [stream, found], now),
    })),
    notes: [...seen.missed.stream, ...notes],
  };
  return { value };
}
