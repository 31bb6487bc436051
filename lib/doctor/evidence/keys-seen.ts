import type { HydraInstance } from '../../hydra-instance.js';
import type { Keys } from '../../protocol/keys.js';
import { DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { Primary } from '../../redis/primaries.js';
import type { Asked } from './asked.js';
import { permitted } from './permitted.js';

/** How many keys one step looks at, and how many steps there are in all: Redis answers others in between. */
const KEYS_A_STEP = 5_000;
const MAX_STEPS = 10;
/** The parts of a queue that are there as long as it has jobs, workers or dead letters. */
const OF_QUEUES = [
  ...['waiting', 'in-progress', 'incomplete', 'high', 'ranked', 'returned'],
  ...['delayed', 'owners', 'paused', 'patterns', 'aside'],
];

/** What the names of keys tell. */
export interface SeenKeys {
  readonly streams: ReadonlySet<string>;
  /** `service` and `queue`, as JSON. */
  readonly queues: ReadonlySet<string>;
  /** How many servers could not be asked: another time they may answer. */
  readonly failed: number;
  /** What was not looked at, in words. */
  readonly missed: readonly string[];
}

/** The queue that each service has, and those with a name of their own that were found. */
export function queuesAmong(
  services: readonly string[],
  found: SeenKeys | undefined,
): readonly (readonly [service: string, queue: string])[] {
  const names = new Set([
    ...services.map((service) => queueName(service, DEFAULT_QUEUE)),
    ...(found?.queues ?? []),
  ]);
  return [...names].map((name) => JSON.parse(name) as [string, string]);
}

/** The name of a queue, in a set. */
function queueName(service: string, queue: string): string {
  return JSON.stringify([service, queue]);
}

/**
 * Looks for streams and queues by the names of keys, in few steps: nothing else knows of those that nobody serves.
 *
 * @throws Error where SCAN is not allowed, or no server answers
 */
export async function seeKeys(
  { keys }: Pick<HydraInstance, 'keys'>,
  asked: Asked,
  primaries: readonly Primary[],
  leftOut: number,
): Promise<SeenKeys> {
  const found = { streams: new Set<string>(), queues: new Set<string>() };
  const steps = Math.max(1, Math.floor(MAX_STEPS / primaries.length));
  const ends = await Promise.allSettled(primaries.map((one) => scan(keys, asked, one, { steps, found })));
  const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
  if (failed.length === primaries.length) throw failed[0]!;
  const partly = ends.some((end) => end.status === 'fulfilled' && !end.value);
  const looked = (steps * primaries.length * KEYS_A_STEP).toLocaleString('en');
  return {
    ...found,
    failed: failed.length,
    missed: [
      ...failed.map(({ message }) => message),
      ...(leftOut > 0 ? [onlySome(primaries.length, leftOut)] : []),
      ...(partly
        ? [`there are more keys than the ${looked} that were looked at for streams and queues`]
        : []),
    ],
  };
}

/** Where not all primaries are asked. */
export function onlySome(asked: number, leftOut: number): string {
  return `only ${asked} of ${asked + leftOut} primaries were looked at`;
}

interface Search {
  readonly steps: number;
  readonly found: { readonly streams: Set<string>; readonly queues: Set<string> };
}

/** Returns whether it has seen them all. */
async function scan(
  keys: Keys,
  asked: Asked,
  { client, name }: Primary,
  { steps, found }: Search,
): Promise<boolean> {
  const [services, streams] = prefixesOf(keys);
  const pattern = `${common(services, streams).replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
  const may = await permitted(asked, client, { SCAN: ['SCAN', '0'] });
  may('SCAN');
  let cursor = '0';
  for (let step = 0; step < steps; step++) {
    const what = name === undefined ? 'SCAN' : `SCAN (${name})`;
    const [next, some] = await asked.ask(what, () =>
      client.scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_A_STEP),
    );
    for (const key of some) {
      if (key.startsWith(streams)) noteStream(key.slice(streams.length), found.streams);
      else if (key.startsWith(services)) noteQueue(key.slice(services.length), found.queues);
    }
    if (next === '0') return true;
    cursor = next;
  }
  return false;
}

/** Up to the name of a service, and of a stream. */
function prefixesOf(keys: Keys): [services: string, streams: string] {
  const [services = ''] = keys.own('\0').split('\0');
  const [streams = ''] = keys.stream('\0').split('\0');
  return [services, streams];
}

function common(one: string, other: string): string {
  let length = 0;
  while (one[length] === other[length]) length++;
  return one.slice(0, length);
}

/** A key of a stream alone: other keys of it have a part behind its name. */
function noteStream(rest: string, streams: Set<string>): void {
  const name = rest.replace(/\}$/, '');
  if (name !== '' && !/[:}]/.test(name)) streams.add(name);
}

function noteQueue(rest: string, queues: Set<string>): void {
  const [tagged = '', kind = '', queue = '', part = ''] = rest.split(':');
  const service = tagged.replace(/\}$/, '');
  if (kind === 'queue' && OF_QUEUES.includes(part)) queues.add(queueName(service, queue));
  else if (/^mq(recieved|inprogress|incomplete)$/.test(kind)) queues.add(queueName(service, DEFAULT_QUEUE));
}
