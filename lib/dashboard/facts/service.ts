import { Asked } from './asked.js';
import { surveyServices, textsOf } from './survey.js';
import { decodeHealth, decodeNode, type HealthVitals, type NodeRecord } from '../../protocol/records.js';
import type { Reading } from '../collect/collector.js';
import { storedText } from '../shown/stored-text.js';
import { queueOf, type FleetService, type LeftOut } from './fleet.js';
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
  readonly queue: FleetService['queue'] | undefined;
  /** The stored revision of each version of its configuration. */
  readonly revisions: Readonly<Record<string, string>>;
}

/** Reads one service. */
export async function readService(
  { instance }: Place,
  name: string,
  leftOut: LeftOut,
): Promise<Reading & { readonly value: SeenService }> {
  const asked = new Asked(instance.redis);
  const { keys } = instance;
  const [[surveyed], routes] = await Promise.all([
    surveyServices(instance, asked, [name]),
    asked.one('read routes', (client) => client.smembers(keys.routes(name))),
  ]);
  const [gone = [], , , , , , revisions = [], records = []] = surveyed?.[1] ?? [];
  const told = records.flatMap((text) => {
    const node = decodeNode(text);
    return node ? [{ node, text }] : [];
  });
  const health = await textsOf(
    instance,
    asked,
    told.map(({ node }) => node),
    'health',
  );
  const instances = told
    .map(({ node, text }) => ({
      ...instanceOf(node, [text, health.get(node.id)], leftOut.get(node.id) ?? []),
      isGone: gone.includes(node.id),
    }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const value = {
    ...{ name, instances, routes: routes.toSorted() },
    queue: surveyed && queueOf(surveyed),
    revisions: pairsOf(revisions),
  };
  return { value, commands: asked.commands };
}

function instanceOf(
  { description: _description, ...node }: NodeRecord,
  [record, health]: readonly [record: string, health: string | undefined],
  leftOutBy: readonly string[],
): Omit<SeenInstance, 'isGone'> {
  const told = decodeHealth(health ?? null);
  return {
    ...node,
    nodeVersion: told?.nodeVersion,
    uptimeSeconds: told?.uptimeSeconds,
    memory: told?.memory,
    vitals: told?.vitals,
    leftOutBy,
    stored: [record, health].flatMap((text) => (text === undefined ? [] : [storedText(text)])),
  };
}

/** `version, "<revision> <hash>", …` as an object. */
function pairsOf(flat: readonly string[]): Record<string, string> {
  const pairs = Array.from({ length: flat.length / 2 }, (_, at) => {
    const [version, text] = flat.slice(2 * at, 2 * at + 2) as [string, string];
    return [version, text.split(' ')[0]!] as const;
  });
  return Object.fromEntries(pairs);
}
