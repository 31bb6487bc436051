import type { Asked } from '../../doctor/evidence/asked.js';
import type { SurveyLimits } from '../../doctor/evidence/survey.js';
import { decodeEdges } from '../../protocol/edges.js';
import { mergeTopology, type Topology } from '../../registry/topology/topology.js';
import type { Reading } from '../collect/collector.js';
import { listedServices, lookAt, servicesIn, unreadIn } from './look.js';
import type { Place } from './place.js';

/** Who calls whom, as far as it could be read. */
export interface SeenTopology extends Topology {
  /** Services of whose instances nothing is known. */
  readonly unread: readonly string[];
  /** What could not be read, and why, in words. */
  readonly notes: readonly string[];
}

/** Reads it by a few commands, however many instances there are: of all services, or of those within the limits. */
export async function readTopology(
  { instance }: Place,
  asked: Asked,
  limits?: SurveyLimits,
): Promise<Reading & { readonly value: SeenTopology }> {
  const names = await listedServices(instance, asked);
  const seen = await lookAt(instance, asked, { services: names, texts: 'edges' }, limits);
  const looked = servicesIn(names, seen);
  const told = looked.flatMap(({ name, instances }) =>
    instances.map(({ text }) => ({ service: name, told: decodeEdges(text ?? null) })),
  );
  const unread = looked.filter(({ unread: { registry } }) => registry !== undefined).map(({ name }) => name);
  const notes = [
    ...seen.missed.service,
    ...unreadIn(looked, 'registry', 'registry'),
    ...unreadIn(looked, 'texts', 'calls'),
  ];
  return { value: { ...mergeTopology(told), unread, notes } };
}
