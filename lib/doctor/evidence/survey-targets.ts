import type { Keys } from '../../protocol/keys.js';
import { asideNames, createQueueKeys } from '../../queue/model/queue-keys.js';

/** What is to be looked at. */
export interface Wanted {
  readonly services: readonly string[];
  /** What is read of each instance beside its record. */
  readonly texts?: 'health' | 'edges';
  readonly queues?: readonly (readonly [service: string, queue: string])[];
  readonly streams?: readonly string[];
}

export type Kind = 'service' | 'queue' | 'stream';

/** Something that is looked at. */
export interface Target {
  readonly kind: Kind;
  /** Of a queue, its service and its name. */
  readonly name: readonly [name: string, queue?: string];
  readonly keys: readonly string[];
}

/** The keys of all that is to be looked at. */
export function targetsOf(
  keys: Keys,
  { services, texts, queues = [], streams = [] }: Wanted,
): readonly Target[] {
  return [
    ...services.map((service) => serviceTarget(keys, service, texts)),
    ...queues.map((name) => queueTarget(keys, name)),
    ...streams.map((stream) => streamTarget(keys, stream)),
  ];
}

function serviceTarget(keys: Keys, service: string, texts: Wanted['texts']): Target {
  const own = [keys.instances(service), keys.beats(service), keys.configRevisions(service)];
  const around = texts === undefined ? [] : keys[texts](service, '\0').split('\0');
  return { kind: 'service', name: [service], keys: [...own, ...around] };
}

function queueTarget(keys: Keys, [service, queue]: readonly [string, string]): Target {
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
