import { Asked } from './asked.js';
import { listedServices, surveyServices, textsOf } from './survey.js';
import { decodeEdges } from '../../protocol/edges.js';
import { mergeTopology, type Topology } from '../../registry/topology/topology.js';
import type { Reading } from '../collect/collector.js';
import { nodesIn } from './fleet.js';
import type { Place } from './place.js';

/** Who calls whom, as {@link Topology}, by a few commands, however many instances there are. */
export async function readTopology(
  { instance }: Place,
  asked = new Asked(instance.redis),
): Promise<Reading & { readonly value: Topology }> {
  const nodes = nodesIn(await surveyServices(instance, asked, await listedServices(instance, asked)));
  const texts = await textsOf(instance, asked, nodes, 'edges');
  const told = nodes.map(({ service, id }) => ({ service, told: decodeEdges(texts.get(id) ?? null) }));
  return { value: mergeTopology(told), commands: asked.commands };
}
