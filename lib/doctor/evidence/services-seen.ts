import type { HydraInstance } from '../../hydra-instance.js';
import type { Keys } from '../../protocol/keys.js';
import type { Primary } from '../../redis/primaries.js';
import { listed } from '../../runtime/listed.js';
import type { Asked } from './asked.js';
import { configurationsOf, groupsOf, healthOf, instancesOf, queueOf } from './decoded.js';
import type { Evidence, Known, SeenInstance } from './facts.js';
import { queuesAmong, seeKeys, type SeenKeys } from './keys-seen.js';
import { surveyAll, type Seen } from './survey.js';
import type { Wanted } from './survey-targets.js';
import { TOO_MANY } from './survey-script.js';

/** What belongs to services, and streams. */
export type ServicesEvidence = Pick<
  Evidence,
  'services' | 'instances' | 'health' | 'configurations' | 'queues' | 'streams' | 'groups'
>;

type Place = Pick<HydraInstance, 'redis' | 'keys' | 'clock'>;

/** Reads the registry, the queues, the configurations and the streams of all services. */
export async function seeServices(
  place: Place,
  asked: Asked,
  primaries: readonly Primary[],
  leftOut: number,
): Promise<ServicesEvidence> {
  const [directory, keys] = await Promise.allSettled([
    asked.ask('look up services', () => place.redis.commands.smembers(place.keys.directory)),
    seeKeys(place, asked, primaries, leftOut),
  ]);
  if (directory.status === 'rejected') return nothing((directory.reason as Error).message);
  const services = directory.value.toSorted();
  const found = keys.status === 'fulfilled' ? keys.value : undefined;
  const seen = await surveyAll(place, asked, primaries, wantedOf(services, found));
  const unseen = keys.status === 'rejected' ? (keys.reason as Error).message : undefined;
  const { instances, ...others } = evidenceOf(seen, {
    keys: place.keys,
    seenKeys: found,
    unseen,
    now: place.clock.now(),
  });
  return { ...others, instances: await withListeners(place, asked, instances) };
}

function wantedOf(services: readonly string[], found: SeenKeys | undefined): Wanted {
  return {
    ...{ services, texts: 'health' },
    queues: queuesAmong(services, found),
    streams: [...(found?.streams ?? [])].toSorted(),
  };
}

function nothing(why: string): ServicesEvidence {
  const away = { why };
  return {
    ...{ services: away, instances: away, health: away, configurations: away },
    ...{ queues: away, streams: away, groups: away },
  };
}

/** Whether a user could look for streams and queues, and else why not. */
interface Looked {
  readonly keys: Keys;
  readonly seenKeys: SeenKeys | undefined;
  readonly unseen: string | undefined;
  readonly now: number;
}

function evidenceOf(seen: Seen, looked: Looked): ServicesEvidence {
  const { services, missed } = seen;
  const of = [...services];
  const allowed = (place: 0 | 1 | 2) => of.filter(([, found]) => found[place] === 1);
  const passedOver = of.filter(([, [may]]) => may === TOO_MANY).map(([name]) => name);
  const notes = (what: string, place: 0 | 1 | 2) => [
    ...missed.service,
    ...tooMany(passedOver),
    ...refusal(
      what,
      of.filter(([, found]) => found[place] === 0).map(([name]) => name),
    ),
  ];
  return {
    services: known(
      allowed(0).map(([service, [, , , overdue]]) => ({ service, dead: overdue.length })),
      notes('registry', 0),
    ),
    instances: known(allowed(0).flatMap(instancesOf), notes('registry', 0)),
    health: known(allowed(1).flatMap(healthOf), notes('health', 1)),
    configurations: known(allowed(2).map(configurationsOf), notes('configurations', 2)),
    queues: queuesOf(seen, looked),
    ...streamsOf(seen, looked),
  };
}

function queuesOf({ queues, missed }: Seen, { seenKeys, unseen, now }: Looked): Evidence['queues'] {
  const refused = queues.filter(([, , [may]]) => may === 0).map(([service]) => service);
  return known(
    queues.filter(([, , [may]]) => may === 1).map((one) => queueOf(one, now)),
    [
      ...[...missed.queue, ...(seenKeys?.missed ?? []), ...refusal('queues', refused)],
      ...(unseen === undefined ? [] : [`queues with a name of their own: ${unseen}`]),
    ],
  );
}

function streamsOf(
  { streams, missed }: Seen,
  { keys, seenKeys, unseen, now }: Looked,
): Pick<ServicesEvidence, 'streams' | 'groups'> {
  if (unseen !== undefined) return { streams: { why: unseen }, groups: { why: unseen } };
  const may = [...streams].filter(([, found]) => found[0] === 1);
  const refused = [...streams].filter(([, found]) => found[0] === 0).map(([name]) => name);
  const notes = [...missed.stream, ...(seenKeys?.missed ?? []), ...refusal('streams', refused)];
  return {
    streams: known(
      may.map(([stream, [, length]]) => ({ stream, length })),
      notes,
    ),
    groups: known(
      may.flatMap((one) => groupsOf(keys, one, now)),
      notes,
    ),
  };
}

function known<Value>(value: readonly Value[], partly: readonly string[]): Known<readonly Value[]> {
  if (value.length === 0 && partly.length > 0) return { why: partly[0]! };
  return { value, ...(partly.length > 0 && { partly }) };
}

/** Says that something may not be read, where that is so. */
export function refusal(what: string, names: readonly string[]): readonly string[] {
  return names.length === 0 ? [] : [`NOPERM: the user may not read the ${what} of ${someOf(names)}`];
}

function tooMany(services: readonly string[]): readonly string[] {
  if (services.length === 0) return [];
  return [`there are more instances than are read at once: those of ${someOf(services)} were not looked at`];
}

function someOf(names: readonly string[]): string {
  return listed([...new Set(names)]);
}

/** How many listen to each instance. On a Cluster each node knows its own alone. */
async function withListeners(
  { redis, keys }: Place,
  asked: Asked,
  instances: Known<readonly SeenInstance[]>,
): Promise<Known<readonly SeenInstance[]>> {
  if ('why' in instances || instances.value.length === 0 || redis.isSharded) return instances;
  const channels = instances.value.map(({ service, id }) => keys.instanceChannel(service, id));
  try {
    const counted = await asked.ask('count listeners', () => redis.commands.pubsub('NUMSUB', ...channels));
    const value = instances.value.map((one, at) => ({ ...one, listeners: Number(counted[2 * at + 1]) }));
    return { ...instances, value };
  } catch (error) {
    const partly = [...(instances.partly ?? []), (error as Error).message];
    return { ...instances, partly };
  }
}
