import type { Asked } from '../../doctor/evidence/asked.js';
import type { SurveyedQueue } from '../../doctor/evidence/survey-script.js';
import { decodeHealth, type HealthRecord } from '../../protocol/records.js';
import type { Reading } from '../collect/collector.js';
import type { FleetLook } from './fleet-look.js';
import { whyNot, type LookedAt, type Unread } from './look.js';

/** How one service is, in a line. What no instance of it reports is undefined. */
export interface FleetService {
  readonly name: string;
  readonly instances: number;
  /** How many of them are of Hydra 1.x. */
  readonly legacy: number;
  readonly draining: number;
  /** Listed, and without a presence. */
  readonly gone: number;
  readonly versions: readonly string[];
  readonly configs: readonly string[];
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly memoryBytes: number | undefined;
  readonly cpu: number | undefined;
  readonly eventLoopMs: number | undefined;
  readonly queue: ServiceQueue;
  /** What of it could not be read, and why: the numbers of that say nothing. */
  readonly unread: Unread<'registry' | 'health' | 'queue'>;
}

/** The queue that each service has. */
export interface ServiceQueue {
  readonly waiting: number;
  readonly dead: number;
  /** Taken by Hydra 1.x workers. */
  readonly inProgress: number;
  readonly workers: number;
  readonly isPaused: boolean;
}

/** All services that are registered. */
export interface Fleet {
  readonly services: readonly FleetService[];
}

/** Which instances leave others out: the id of the one left out → those who do. */
export type LeftOut = ReadonlyMap<string, readonly string[]>;

/** Reads it by a few commands, however many services there are. */
export async function readFleet(
  fleet: FleetLook,
  asked: Asked,
): Promise<Reading & { readonly value: Fleet }> {
  const { services, queues } = await fleet.look(asked);
  return { value: { services: services.map((one) => serviceOf(one, queues.get(one.name))) } };
}

/** Which instances others leave out, because calls to them failed: their ids, and `<service>/<id>` of those who say so. */
export function leftOutIn(looked: readonly LookedAt[]): LeftOut {
  const leftOut = new Map<string, string[]>();
  for (const { text } of looked.flatMap(({ instances }) => instances)) {
    const { service, id, vitals } = decodeHealth(text ?? null) ?? {};
    for (const name of Object.keys(vitals?.activity['breakers'] ?? {})) {
      const target = name.slice(name.indexOf('/') + 1);
      leftOut.set(target, [...(leftOut.get(target) ?? []), `${service}/${id}`]);
    }
  }
  return leftOut;
}

/** The default queue of a service as it was seen, and why it was not. */
export function serviceQueue(found: SurveyedQueue | undefined): {
  readonly queue: ServiceQueue;
  readonly unread: Unread<'queue'>;
} {
  const [may = 0, waiting = 0, dead = 0, inProgress = 0, workers = 0, isPaused = 0] = found ?? [];
  const why = whyNot(may);
  return {
    queue: { waiting, dead, inProgress, workers, isPaused: isPaused === 1 },
    unread: why === undefined ? {} : { queue: why },
  };
}

function serviceOf({ name, instances, unread }: LookedAt, found: SurveyedQueue | undefined): FleetService {
  const own = instances.map(({ node }) => node);
  const records = instances.flatMap(({ text }) => decodeHealth(text ?? null) ?? []);
  const said = (select: (record: HealthRecord) => readonly string[] | undefined) => [
    ...new Set(records.flatMap((record) => select(record) ?? [])),
  ];
  const { queue, unread: ofQueue } = serviceQueue(found);
  const { registry, texts: health } = unread;
  return {
    name,
    instances: own.length,
    legacy: own.filter(({ capabilities }) => !capabilities).length,
    draining: own.filter(({ capabilities }) => capabilities?.draining).length,
    gone: instances.filter(({ isGone }) => isGone).length,
    versions: [...new Set(own.map(({ version }) => version))].toSorted(),
    configs: [...new Set(own.flatMap(({ capabilities }) => capabilities?.config ?? []))].toSorted(),
    problems: said(({ vitals }) => vitals?.problems),
    warnings: said(({ vitals }) => vitals?.warnings),
    memoryBytes: greatest(records.map(({ memory }) => memory['rss'])),
    cpu: greatest(records.map(({ vitals }) => vitals?.cpu)),
    eventLoopMs: greatest(records.map(({ vitals }) => vitals?.eventLoopDelayMs['p99'])),
    queue,
    unread: { ...ofQueue, ...(registry && { registry }), ...(health && { health }) },
  };
}

function greatest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
