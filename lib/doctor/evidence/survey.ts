import type { HydraInstance } from '../../hydra-instance.js';
import type { Keys } from '../../protocol/keys.js';
import { asideNames, createQueueKeys, DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { Primary } from '../../redis/primaries.js';
import type { Asked } from './asked.js';
import { queueName, type SeenKeys } from './keys-seen.js';
import {
  survey,
  type Surveyed,
  type SurveyedQueue,
  type SurveyedService,
  type SurveyedStream,
} from './survey-script.js';

/** An instance that is overdue by so much is not only late. */
const OVERDUE_MS = 10_000;
/** What one script looks at, at most and where there are enough scripts: Redis does nothing else for a few milliseconds. */
const A_SCRIPT = 250;
const A_SMALL_SCRIPT = 50;
const MAX_SCRIPTS = 8;
/**
 * Where several servers may stand behind one address, each service and each stream takes a script of its own, which is two commands
 * the first time: as many as stay within the 60 commands of a whole look.
 */
const MAX_ALONE = 15;

type Kind = 'service' | 'queue' | 'stream';

/** Something that is looked at. */
interface Target {
  readonly kind: Kind;
  /** Of a queue, its service and its name. */
  readonly name: readonly [name: string, queue?: string];
  readonly keys: readonly string[];
}

/** What was found, by the names of what was looked at. */
export interface Seen {
  readonly services: ReadonlyMap<string, SurveyedService>;
  readonly queues: readonly (readonly [service: string, queue: string, found: SurveyedQueue])[];
  readonly streams: ReadonlyMap<string, SurveyedStream>;
  /** What was not looked at, in words. */
  readonly missed: Readonly<Record<Kind, readonly string[]>>;
}

type Place = Pick<HydraInstance, 'redis' | 'keys'>;

/** Looks at services, at the queues of each, and at streams. */
export async function surveyAll(
  place: Place,
  asked: Asked,
  primaries: readonly Primary[],
  { services, found }: { readonly services: readonly string[]; readonly found: SeenKeys | undefined },
): Promise<Seen> {
  const targets = targetsOf(place.keys, services, found);
  const batches = batchesOf(place, primaries, targets);
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

function targetsOf(keys: Keys, services: readonly string[], found: SeenKeys | undefined): readonly Target[] {
  const queues = new Set([
    ...services.map((service) => queueName(service, DEFAULT_QUEUE)),
    ...(found?.queues ?? []),
  ]);
  return [
    ...services.map((service) => serviceTarget(keys, service)),
    ...[...queues].map((name) => queueTarget(keys, JSON.parse(name) as [string, string])),
    ...[...(found?.streams ?? [])].toSorted().map((stream) => streamTarget(keys, stream)),
  ];
}

function serviceTarget(keys: Keys, service: string): Target {
  const [before = '', after = ''] = keys.health(service, '\0').split('\0');
  const own = [keys.instances(service), keys.beats(service), keys.configRevisions(service)];
  return { kind: 'service', name: [service], keys: [...own, before, after] };
}

function queueTarget(keys: Keys, [service, queue]: [string, string]): Target {
  const of = createQueueKeys(keys, service, queue);
  const own = [of.waiting, of.high, of.returned, of.patterns, of.ranked, of.incomplete, of.inProgress];
  return {
    kind: 'queue',
    name: [service, queue],
    keys: [...own, of.owners, of.paused, ...asideNames(of)],
  };
}

function streamTarget(keys: Keys, stream: string): Target {
  const of = (part: string) => keys.ownStream(stream, part, '');
  return {
    kind: 'stream',
    name: [stream],
    keys: [keys.stream(stream), of('').slice(0, -1), of('lost'), of('dead')],
  };
}

/** What one script looks at, and whom it is sent to. */
interface Batch {
  readonly client: Primary['client'];
  readonly some: readonly Target[];
  /** Declared, where somebody between looks at them. */
  readonly declared: readonly string[];
}

function batchesOf({ redis }: Place, primaries: readonly Primary[], targets: readonly Target[]): Batch[] {
  const [only] = primaries;
  if (redis.isSharded && only?.name === undefined && only) return aloneOf(only, targets);
  const most = Math.max(1, Math.floor(MAX_SCRIPTS / primaries.length));
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
  return [...groups.values()]
    .slice(0, MAX_ALONE)
    .map((some) => ({ client, some, declared: [some[0]!.keys[0]!] }));
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
