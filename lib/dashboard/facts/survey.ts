import type { NodeRecord } from '../../protocol/records.js';
import { createQueueKeys } from '../../queue/model/queue-keys.js';
import type { Asked } from './asked.js';
import type { Place } from './place.js';
import { survey, type SurveyedService } from './survey-script.js';

/** An instance that is overdue by so much is not only late. */
const OVERDUE_MS = 10_000;
/** Texts that one command reads at most. */
const MAX_TEXTS = 500;

type Looked = Place['instance'];

/** The names of all services that are registered. */
export async function listedServices({ keys }: Looked, asked: Asked): Promise<string[]> {
  const names = await asked.one('look up services', (client) => client.smembers(keys.directory));
  return names.toSorted();
}

/** What one script sees of each of some services. */
export type Surveyed = readonly (readonly [service: string, found: SurveyedService])[];

/** Looks at services: by one command, or by one for each of them where several servers share the keys. */
export async function surveyServices(
  place: Looked,
  asked: Asked,
  names: readonly string[],
): Promise<Surveyed> {
  const batches = place.redis.isSharded ? names.map((name) => [name]) : names.length > 0 ? [names] : [];
  const surveyed = await Promise.all(batches.map((batch) => surveyOf(place, asked, batch)));
  return surveyed.flat();
}

async function surveyOf({ keys }: Looked, asked: Asked, names: readonly string[]): Promise<Surveyed> {
  const places = names.flatMap((service) => {
    const queue = createQueueKeys(keys, service);
    return [
      ...[keys.instances(service), keys.beats(service), queue.waiting, queue.high, queue.returned],
      ...[queue.incomplete, queue.inProgress, queue.owners, queue.paused, keys.configRevisions(service)],
    ];
  });
  // The first time, Redis is given the text of the script.
  const found = await asked.some(2, 'look at services', (client) =>
    survey.run(client, [...places, OVERDUE_MS], places.length),
  );
  return names.map((service, index) => [service, found[index]!] as const);
}

/** What instances wrote of themselves, by their ids: by one command, or by one for each service, as {@link surveyServices}. */
export async function textsOf(
  { redis, keys }: Looked,
  asked: Asked,
  nodes: readonly Pick<NodeRecord, 'service' | 'id'>[],
  what: 'health' | 'edges',
): Promise<ReadonlyMap<string, string>> {
  const groups = redis.isSharded ? [...new Set(nodes.map(({ service }) => service))] : [undefined];
  const batches = groups.flatMap((group) =>
    inParts(nodes.filter(({ service }) => group === undefined || service === group)),
  );
  const read = await Promise.all(
    batches.map((some) =>
      asked.one(`read ${what}`, (client) =>
        client.mget(some.map(({ service, id }) => keys[what](service, id))),
      ),
    ),
  );
  const texts = batches.flatMap((some, at) => some.map(({ id }, index) => [id, read[at]![index]] as const));
  return new Map(texts.filter((entry): entry is readonly [string, string] => typeof entry[1] === 'string'));
}

function inParts<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / MAX_TEXTS) }, (_, part) =>
    all.slice(part * MAX_TEXTS, (part + 1) * MAX_TEXTS),
  );
}
