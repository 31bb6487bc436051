import type { HydraInstance } from '../hydra-instance.js';
import { decodeHealth, decodeNode, type NodeRecord } from '../protocol/records.js';
import { createQueueKeys } from '../queue/model/queue-keys.js';
import type { Asked } from './asked.js';
import type { Facts, SeenInstance, SeenService } from './finding.js';
import { survey, type SurveyedService } from './survey-script.js';

/** An instance that is overdue by so much is not only late. */
const OVERDUE_MS = 10_000;
/** Where several servers share the keys, each service takes commands of its own. */
const MAX_OF_SHARDS = 12;
const MAX_OLDEST_LOOKED_FOR = 3;

type Place = Pick<HydraInstance, 'redis' | 'keys' | 'clock' | 'queues'>;

/** What is seen of all services: of some, where each would take commands of its own. */
export interface SeenServices {
  readonly services: Facts['services'];
  readonly instances: Facts['instances'];
  /** How many services there are, and how many of them were looked at. */
  readonly all: number;
  readonly looked: number;
}

/** Reads the registry, the queues and the configurations of all services. */
export async function seeServices(place: Place, asked: Asked): Promise<SeenServices> {
  const { redis, keys } = place;
  const listed = await asked.one('look up services', (client) => client.smembers(keys.directory));
  const names = listed.toSorted().slice(0, redis.isSharded ? MAX_OF_SHARDS : listed.length);
  const batches = redis.isSharded ? names.map((name) => [name]) : names.length > 0 ? [names] : [];
  const surveyed = await Promise.all(batches.map((batch) => surveyOf(place, asked, batch)));
  const found = surveyed.flat();
  const nodes = found.flatMap(([, [, , , , , , , records]]) =>
    records.flatMap((text) => decodeNode(text) ?? []),
  );
  const instances = await seeInstances(place, asked, nodes);
  const oldest = await oldestJobs(place, asked, found);
  return {
    services: found.map(([service, one]) => serviceOf(service, one, oldest.get(service))),
    instances,
    all: listed.length,
    looked: names.length,
  };
}

async function surveyOf(
  { keys }: Place,
  asked: Asked,
  names: readonly string[],
): Promise<(readonly [service: string, found: SurveyedService])[]> {
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

async function seeInstances(
  { redis, keys }: Place,
  asked: Asked,
  nodes: readonly NodeRecord[],
): Promise<SeenInstance[]> {
  if (nodes.length === 0) return [];
  const groups = redis.isSharded ? [...new Set(nodes.map(({ service }) => service))] : [undefined];
  const ordered = groups.map((group) =>
    nodes.filter(({ service }) => group === undefined || service === group),
  );
  const health = await Promise.all(
    ordered.map((some) =>
      asked.one('read health', (client) =>
        client.mget(some.map(({ service, id }) => keys.health(service, id))),
      ),
    ),
  );
  const listeners = redis.isSharded ? undefined : await listenersOf(nodes, asked, keys);
  return ordered.flatMap((some, group) =>
    some.map((node, index) => instanceOf(node, health[group]![index] ?? null, listeners?.get(node.id))),
  );
}

async function listenersOf(
  nodes: readonly NodeRecord[],
  asked: Asked,
  keys: Place['keys'],
): Promise<ReadonlyMap<string, number>> {
  const channels = nodes.map(({ service, id }) => keys.instanceChannel(service, id));
  const counted = await asked.one('count listeners', (client) => client.pubsub('NUMSUB', ...channels));
  return new Map(nodes.map(({ id }, index) => [id, Number(counted[2 * index + 1])]));
}

function instanceOf(node: NodeRecord, health: string | null, listeners: number | undefined): SeenInstance {
  const { service, id, version, capabilities } = node;
  const { problems = [], warnings = [] } = decodeHealth(health)?.vitals ?? {};
  return {
    ...{ service, id, version, listeners, problems, warnings },
    isOurs: capabilities !== undefined,
    acceptsCalls: capabilities?.acceptsCalls === true && capabilities.draining !== true,
    config: capabilities?.config,
  };
}

function serviceOf(
  service: string,
  [dead, waiting, deadLetters, inProgress, workers, isPaused, revisions]: SurveyedService,
  oldestMs: number | undefined,
): SeenService {
  const versions = Array.from({ length: revisions.length / 2 }, (_, index) => {
    const [version, text] = revisions.slice(2 * index, 2 * index + 2) as [string, string];
    return [version, text.split(' ')[0]!] as const;
  });
  const counts = { dead, waiting, deadLetters, inProgress, workers };
  return { service, ...counts, isPaused: isPaused === 1, oldestMs, revisions: Object.fromEntries(versions) };
}

/** How long the next job of the longest queues has waited. */
async function oldestJobs(
  { queues, clock }: Place,
  asked: Asked,
  found: readonly (readonly [service: string, found: SurveyedService])[],
): Promise<ReadonlyMap<string, number>> {
  const waiting = found.filter(([, [, count]]) => count > 0).toSorted(([, a], [, b]) => b[1] - a[1]);
  const looked = waiting.slice(0, MAX_OLDEST_LOOKED_FOR).map(async ([service]) => {
    const [next] = await asked.some(3, 'read the next job', () =>
      queues.list('waiting', { service, limit: 1 }),
    );
    const addedAt = next?.enqueuedAt?.getTime();
    return addedAt === undefined ? [] : [[service, clock.now() - addedAt] as const];
  });
  return new Map((await Promise.all(looked)).flat());
}
