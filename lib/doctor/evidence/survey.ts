import type { HydraInstance } from '../../hydra-instance.js';
import { DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { Primary } from '../../redis/primaries.js';
import type { Asked } from './asked.js';
import {
  survey,
  type Surveyed,
  type SurveyedQueue,
  type SurveyedService,
  type SurveyedStream,
} from './survey-script.js';
import { targetsOf, type Kind, type Target, type Wanted } from './survey-targets.js';

/** An instance that is overdue by so much is not only late. */
const OVERDUE_MS = 10_000;
/** What one script looks at, at most and where there are enough scripts: Redis does nothing else for a few milliseconds. */
const A_SCRIPT = 250;
const A_SMALL_SCRIPT = 50;
/** As much as one survey asks. */
export interface SurveyLimits {
  /** Scripts, each of which is two commands the first time. */
  readonly scripts: number;
  /**
   * Where several servers may stand behind one address, each service and each stream takes a script of its own: as many as these.
   */
  readonly alone: number;
}

/** As many as stay within the 60 commands of a whole look of the doctor. */
const LIMITS: SurveyLimits = { scripts: 8, alone: 15 };

/** What was found, by the names of what was looked at. */
export interface Seen {
  readonly services: ReadonlyMap<string, SurveyedService>;
  readonly queues: readonly (readonly [service: string, queue: string, found: SurveyedQueue])[];
  readonly streams: ReadonlyMap<string, SurveyedStream>;
  /** What was not looked at, in words. */
  readonly missed: Readonly<Record<Kind, readonly string[]>>;
}

type Place = Pick<HydraInstance, 'redis' | 'keys'>;

/** Looks at services, queues and streams. Never rejects: what cannot be read says why. */
export async function surveyAll(
  place: Place,
  asked: Asked,
  primaries: readonly Primary[],
  wanted: Wanted,
  limits = LIMITS,
): Promise<Seen> {
  const targets = targetsOf(place.keys, wanted);
  const batches = batchesOf(place, { primaries, targets, limits });
  const missed: Record<Kind, string[]> = { service: [], queue: [], stream: [] };
  for (const kind of ['service', 'queue', 'stream'] as const) {
    const all = targets.filter((one) => one.kind === kind).length;
    const looked = batches.flatMap(({ some }) => some).filter((one) => one.kind === kind).length;
    if (looked < all) missed[kind].push(`only ${looked} of ${all} ${kind}s were looked at`);
  }
  const answers = await Promise.all(
    batches.map(async (batch) => {
      try {
        return { batch, surveyed: await look(asked, batch) };
      } catch (error) {
        for (const { kind } of batch.some) missed[kind].push((error as Error).message);
        return { batch, surveyed: undefined };
      }
    }),
  );
  return { ...gathered(answers), missed: unique(missed) };
}

/** The text of a message once, however many it concerns. */
function unique(missed: Readonly<Record<Kind, readonly string[]>>): Seen['missed'] {
  const [service, queue, stream] = [missed.service, missed.queue, missed.stream].map((some) => [
    ...new Set(some),
  ]);
  return { service: service!, queue: queue!, stream: stream! };
}

/** What one script looks at, and whom it is sent to. */
interface Batch {
  readonly client: Primary['client'];
  readonly some: readonly Target[];
  /** Declared, where somebody between looks at them. */
  readonly declared: readonly string[];
}

interface Division {
  readonly primaries: readonly Primary[];
  readonly targets: readonly Target[];
  readonly limits: SurveyLimits;
}

function batchesOf({ redis }: Place, { primaries, targets, limits }: Division): Batch[] {
  const [only] = primaries;
  if (redis.isSharded && only?.name === undefined && only)
    return aloneOf(only, targets).slice(0, limits.alone);
  const most = Math.max(1, Math.floor(limits.scripts / primaries.length));
  return primaries.flatMap((primary) => {
    const { client } = primary;
    const own = targets.filter(({ keys: [key = ''] }) => primary.owns(key));
    const each = Math.min(A_SCRIPT, Math.max(A_SMALL_SCRIPT, Math.ceil(own.length / most)));
    return Array.from({ length: Math.min(most, Math.ceil(own.length / each)) }, (_, n) => ({
      client,
      some: own.slice(n * each, (n + 1) * each),
      declared: [],
    }));
  });
}

/** A service with its queues, or a stream, each. */
function aloneOf({ client }: Primary, targets: readonly Target[]): Batch[] {
  const groups = new Map<string, Target[]>();
  for (const target of targets) {
    const slot = `${target.kind === 'stream' ? 'stream' : 'service'} ${target.name[0]}`;
    groups.set(slot, [...(groups.get(slot) ?? []), target]);
  }
  return [...groups.values()].map((some) => ({ client, some, declared: [some[0]!.keys[0]!] }));
}

async function look(asked: Asked, { client, some, declared }: Batch): Promise<Surveyed> {
  const of = (kind: Kind) => some.filter((one) => one.kind === kind).map(({ keys }) => keys);
  const wanted = JSON.stringify([of('service'), of('queue'), of('stream')]);
  // The first time, Redis is given the text of the script.
  return asked.ask(
    'look at services, queues and streams',
    () => survey.run(client, [...declared, wanted, OVERDUE_MS], declared.length),
    2,
  );
}

function gathered(
  answers: readonly { readonly batch: Batch; readonly surveyed: Surveyed | undefined }[],
): Omit<Seen, 'missed'> {
  const services = new Map<string, SurveyedService>();
  const streams = new Map<string, SurveyedStream>();
  const queues: (readonly [string, string, SurveyedQueue])[] = [];
  for (const { batch, surveyed } of answers) {
    const names = (kind: Kind) => batch.some.filter((one) => one.kind === kind).map(({ name }) => name);
    for (const [at, found] of (surveyed?.[0] ?? []).entries()) services.set(names('service')[at]![0], found);
    for (const [at, found] of (surveyed?.[1] ?? []).entries()) {
      const [service, queue = DEFAULT_QUEUE] = names('queue')[at]!;
      queues.push([service, queue, found]);
    }
    for (const [at, found] of (surveyed?.[2] ?? []).entries()) streams.set(names('stream')[at]![0], found);
  }
  return { services, queues, streams };
}
