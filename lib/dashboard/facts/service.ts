import type { Asked } from '../../doctor/evidence/asked.js';
import { decodeHealth, type HealthVitals, type NodeRecord } from '../../protocol/records.js';
import type { Reading } from '../collect/collector.js';
import { storedText } from '../shown/stored-text.js';
import { leftOutIn, serviceQueue, type ServiceQueue } from './fleet.js';
import type { FleetLook } from './fleet-look.js';
import type { ListedInstance, Unread } from './look.js';
import type { Place } from './place.js';

/** One instance, as it has written of itself. What it does not report is undefined. */
export interface SeenInstance extends Omit<NodeRecord, 'description'> {
  /** It is listed, and has not been heard of for so long that it cannot be alive. */
  readonly isGone: boolean;
  readonly nodeVersion: string | undefined;
  readonly uptimeSeconds: number | undefined;
  readonly memory: Readonly<Record<string, number>> | undefined;
  readonly vitals: HealthVitals | undefined;
  /** Instances that leave this one out of their calls, as `<service>/<id>`; of those that report it. */
  readonly leftOutBy: readonly string[];
  /** Its records as they are stored, without secrets. */
  readonly stored: readonly string[];
}

/** A service and its instances. */
export interface SeenService {
  readonly name: string;
  readonly instances: readonly SeenInstance[];
  /** `[verb]/path` */
  readonly routes: readonly string[];
  readonly queue: ServiceQueue;
  /** The stored revision of each version of its configuration. */
  readonly revisions: Readonly<Record<string, string>>;
  /** What of it could not be read, and why: it is empty then. */
  readonly unread: Unread<'registry' | 'health' | 'configurations' | 'routes' | 'queue'>;
}

interface Which {
  readonly name: string;
  readonly fleet: FleetLook;
}

/** Reads one service. What callers say of its instances is known where all are looked at. */
export async function readService(
  { instance }: Place,
  asked: Asked,
  { name, fleet }: Which,
): Promise<Reading & { readonly value: SeenService }> {
  const [all, routes] = await Promise.all([fleet.look(asked), routesOf(instance, asked, name)]);
  const isListed = all.services.some((one) => one.name === name);
  const { services, queues } = isListed ? all : await fleet.one(asked, name);
  const { instances, revisions, unread } = services.find((one) => one.name === name)!;
  const { queue, unread: ofQueue } = serviceQueue(queues.get(name));
  const { texts: health, ...others } = unread;
  const leftOut = leftOutIn(all.services);
  const value = {
    ...{ name, revisions, queue, routes: routes.found },
    instances: instances
      .map((one) => instanceOf(one, leftOut.get(one.node.id) ?? []))
      .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    unread: { ...others, ...ofQueue, ...routes.unread, ...(health && { health }) },
  };
  return { value };
}

/** Never rejects. */
async function routesOf({ redis, keys }: Place['instance'], asked: Asked, name: string) {
  try {
    const found = await asked.ask('read routes', () => redis.commands.smembers(keys.routes(name)));
    return { found: found.toSorted(), unread: {} };
  } catch (error) {
    return { found: [], unread: { routes: (error as Error).message } };
  }
}

function instanceOf(
  { node: { description: _description, ...node }, record, text, isGone }: ListedInstance,
  leftOutBy: readonly string[],
): SeenInstance {
  const told = decodeHealth(text ?? null);
  return {
    ...{ ...node, isGone },
    nodeVersion: told?.nodeVersion,
    uptimeSeconds: told?.uptimeSeconds,
    memory: told?.memory,
    vitals: told?.vitals,
    leftOutBy,
    stored: [record, text].flatMap((one) => (one === undefined ? [] : [storedText(one)])),
  };
}
