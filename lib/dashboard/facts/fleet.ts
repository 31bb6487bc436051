import { Asked } from './asked.js';
import { listedServices, surveyServices, textsOf, type Surveyed } from './survey.js';
import { decodeHealth, decodeNode, type HealthRecord, type NodeRecord } from '../../protocol/records.js';
import type { Reading } from '../collect/collector.js';
import type { Place } from './place.js';

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
  readonly queue: {
    readonly waiting: number;
    readonly dead: number;
    /** Taken by Hydra 1.x workers. */
    readonly inProgress: number;
    readonly workers: number;
    readonly isPaused: boolean;
  };
}

/** All services that are registered. */
export interface Fleet {
  readonly services: readonly FleetService[];
}

/** Which instances leave others out: the id of the one left out → those who do. */
export type LeftOut = ReadonlyMap<string, readonly string[]>;

interface FleetReading extends Reading {
  readonly value: Fleet;
  readonly leftOut: LeftOut;
}

/** Reads it by a few commands, however many services there are. */
export async function readFleet({ instance }: Place): Promise<FleetReading> {
  const asked = new Asked(instance.redis);
  const found = await surveyServices(instance, asked, await listedServices(instance, asked));
  const nodes = nodesIn(found);
  const health = await textsOf(instance, asked, nodes, 'health');
  const services = found.map((one) => serviceOf(one, nodes, health));
  return { value: { services }, commands: asked.commands, leftOut: leftOutIn(health) };
}

/** Which instances others leave out, because calls to them failed: their ids, and `<service>/<id>` of those who say so. */
function leftOutIn(health: ReadonlyMap<string, string>): LeftOut {
  const leftOut = new Map<string, string[]>();
  for (const text of health.values()) {
    const { service, id, vitals } = decodeHealth(text) ?? {};
    for (const name of Object.keys(vitals?.activity['breakers'] ?? {})) {
      const target = name.slice(name.indexOf('/') + 1);
      leftOut.set(target, [...(leftOut.get(target) ?? []), `${service}/${id}`]);
    }
  }
  return leftOut;
}

/** The instances that are listed. */
export function nodesIn(found: Surveyed): NodeRecord[] {
  return found.flatMap(([, [, , , , , , , records]]) => records.flatMap((text) => decodeNode(text) ?? []));
}

/** The default queue of a service, as the survey has it. */
export function queueOf([, found]: Surveyed[number]): FleetService['queue'] {
  const [, waiting, dead, inProgress, workers, isPaused] = found;
  return { waiting, dead, inProgress, workers, isPaused: isPaused === 1 };
}

function serviceOf(
  one: Surveyed[number],
  nodes: readonly NodeRecord[],
  health: ReadonlyMap<string, string>,
): FleetService {
  const [name, [gone]] = one;
  const own = nodes.filter(({ service }) => service === name);
  const records = own.flatMap(({ id }) => decodeHealth(health.get(id) ?? null) ?? []);
  const said = (select: (record: HealthRecord) => readonly string[] | undefined) => [
    ...new Set(records.flatMap((record) => select(record) ?? [])),
  ];
  return {
    name,
    instances: own.length,
    legacy: own.filter(({ capabilities }) => !capabilities).length,
    draining: own.filter(({ capabilities }) => capabilities?.draining).length,
    gone: gone.length,
    versions: [...new Set(own.map(({ version }) => version))].toSorted(),
    configs: [...new Set(own.flatMap(({ capabilities }) => capabilities?.config ?? []))].toSorted(),
    problems: said(({ vitals }) => vitals?.problems),
    warnings: said(({ vitals }) => vitals?.warnings),
    memoryBytes: greatest(records.map(({ memory }) => memory['rss'])),
    cpu: greatest(records.map(({ vitals }) => vitals?.cpu)),
    eventLoopMs: greatest(records.map(({ vitals }) => vitals?.eventLoopDelayMs['p99'])),
    queue: queueOf(one),
  };
}

function greatest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
