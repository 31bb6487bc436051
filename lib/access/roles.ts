import type { Keys } from '../protocol/keys.js';
import * as use from './commands.js';
import type { Grant } from './grants.js';

/**
 * What a process does on Redis. `service`: answers calls, is found, runs with its configuration. `caller`: is found, calls, and
 * answers nobody. `worker`: runs the jobs of its service. `logger`: keeps its log in Redis. `upkeep`: looks after the
 * registry of all. `doctor`: reads everything, and asks the server about itself. `dashboard`: shows everything; what is done on
 * the page needs the rights to it beside. `reader`: the command line, reading.
 *
 * @publicApi
 */
export type AclRole =
  'service' | 'caller' | 'worker' | 'logger' | 'upkeep' | 'doctor' | 'dashboard' | 'reader';

export const ACL_ROLES: readonly AclRole[] = [
  ...(['service', 'caller', 'worker', 'logger'] as const),
  ...(['upkeep', 'doctor', 'dashboard', 'reader'] as const),
];

/** Who gets rights, on what. */
export interface Holder {
  readonly keys: Keys;
  readonly service: string;
  /** Whether sharded pub/sub is used, and a Cluster asked for its slots. */
  readonly isSharded: boolean;
}

const ANY = '*';

/** What the roles of a process allow, apart from the services, queues and streams that are named. */
export const ROLES: Readonly<Record<AclRole, (holder: Holder) => readonly Grant[]>> = {
  service: (holder) => [...present(holder), ...answering(holder), ...ownConfig(holder)],
  caller: (holder) => present(holder),
  worker: (holder) => queueGrants(holder, holder.service, { more: use.QUEUE_WORK }),
  logger: ({ keys, service }) => [
    { commands: use.LOGS_WRITE, keys: [keys.healthLog(service, ANY)] },
    { commands: use.LOGS_LEVEL, reads: [keys.logLevel(service)] },
  ],
  upkeep: (holder) => [...watching(holder), ...upkeep(holder)],
  doctor: (holder) => [...reading(holder), { commands: use.DIAGNOSE }],
  dashboard: ({ keys }) => [showing(keys, use.SHOW)],
  reader: (holder) => reading(holder),
};

/** Whom it may call: Redis itself refuses the rest. */
export function callGrants({ keys, isSharded }: Holder, services: readonly string[]): readonly Grant[] {
  if (services.length === 0) return [];
  const channels = services.flatMap((to) => [keys.serviceChannel(to), keys.instanceChannel(to, ANY)]);
  return [{ commands: publishing(isSharded), channels }];
}

/** Adds to a queue, and looks at it. @param queue one of several of a service; all of them where it is left out */
export function queueGrants(
  { keys, isSharded }: Holder,
  service: string,
  { more = [], queue }: { readonly more?: readonly string[]; readonly queue?: string | undefined } = {},
): readonly Grant[] {
  const isDefault = queue === undefined || queue === 'default';
  const own = keys.own(service, 'queue', ...(queue === undefined ? [] : [queue]), ANY);
  const hydras = [keys.waiting(service), keys.inProgress(service), keys.incomplete(service)];
  const places = isDefault ? [own, ...hydras] : [own];
  return [
    { commands: [...use.SCRIPTS, ...use.READING_SCRIPTS, ...use.QUEUE_ADD, ...more], keys: places },
    { commands: publishing(isSharded), channels: [own] },
    { commands: subscribing(isSharded), channels: [own] },
  ];
}

export function publishGrants(keys: Keys, stream: string): readonly Grant[] {
  const places = [keys.stream(stream), keys.ownStream(stream, 'id', ANY)];
  return [
    { commands: [...use.SCRIPTS, ...use.STREAM_PUBLISH], keys: places },
    { commands: use.STREAM_READ, reads: [keys.stream(stream)] },
  ];
}

export function consumeGrants(keys: Keys, stream: string): readonly Grant[] {
  const places = [keys.stream(stream), keys.ownStream(stream, ANY)];
  const commands = [...use.STREAM_READ, ...use.STREAM_CONSUME, ...use.STREAM_REPLAY];
  return [{ commands: [...use.SCRIPTS, ...use.READING_SCRIPTS, ...commands], keys: places }];
}

export function configReadGrants({ keys, isSharded }: Holder, service: string): readonly Grant[] {
  return [
    {
      commands: [...use.READING_SCRIPTS, ...use.CONFIG_READ],
      reads: configPlaces(keys, service),
    },
    { commands: subscribing(isSharded), channels: [keys.configAnnouncements(service)] },
  ];
}

export function configWriteGrants(
  { keys, isSharded }: Holder,
  service: string,
  more: readonly string[] = [],
): readonly Grant[] {
  const commands = [...use.SCRIPTS, ...use.READING_SCRIPTS, ...use.CONFIG_READ, ...use.CONFIG_WRITE, ...more];
  return [
    { commands, keys: configPlaces(keys, service) },
    { commands: subscribing(isSharded), channels: [keys.configAnnouncements(service)] },
    { commands: publishing(isSharded), channels: [keys.configAnnouncements(service)] },
  ];
}

/** Is known to others, and knows them. */
function present(holder: Holder): readonly Grant[] {
  const { keys, service, isSharded } = holder;
  const own = ownPlaces(keys, service);
  const common = isSharded ? [] : [keys.nodes];
  const ownChannels = [keys.instanceChannel(service, ANY), keys.serviceChannel(service)];
  return [
    ...watching(holder),
    { commands: use.PRESENCE, keys: own },
    { commands: use.SCRIPTS, keys: [...own, ...common] },
    { commands: use.SCRIPTS, keys: [keys.directory] },
    { commands: use.NODES, keys: [keys.nodes] },
    { commands: use.LOGS_KEEP, keys: [keys.healthLog(service, ANY)] },
    { commands: use.DIRECTORY, keys: [keys.directory] },
    { commands: subscribing(isSharded), channels: [...heard(keys), ...ownChannels] },
    {
      commands: publishing(isSharded),
      channels: [
        ...ownChannels,
        keys.announcements(service),
        keys.directoryChanges,
        keys.serviceChannel('hydra-router'),
      ],
    },
  ];
}

/** Answers whoever called: on channels for answers, on which nobody can be called. */
function answering({ keys, isSharded }: Holder): readonly Grant[] {
  return [{ commands: publishing(isSharded), channels: [keys.replyChannel(ANY, ANY)] }];
}

function ownConfig(holder: Holder): readonly Grant[] {
  return configWriteGrants(holder, holder.service, use.CONFIG_OWN);
}

/** Reads who is alive, of all services: that is not what rights are about. */
function watching({ keys, isSharded }: Holder): readonly Grant[] {
  const reads = [
    ...[keys.instances(ANY), keys.beats(ANY), keys.epoch(ANY), keys.presence(ANY, ANY)],
    ...[keys.service(ANY), keys.routes(ANY), keys.health(ANY, ANY), keys.directory],
    keys.edges(ANY, ANY),
  ];
  return [
    { commands: [...use.READING_SCRIPTS, ...use.REGISTRY_READ], reads },
    { commands: subscribing(isSharded), channels: heard(keys) },
  ];
}

function upkeep({ keys, isSharded }: Holder): readonly Grant[] {
  const places = [
    ...[keys.instances(ANY), keys.beats(ANY), keys.epoch(ANY), keys.own(ANY, 'reprieve')],
    ...[keys.presence(ANY, ANY), keys.nodes, keys.directory, keys.bridge],
  ];
  return [
    { commands: [...use.SCRIPTS, ...use.UPKEEP], keys: places },
    { commands: publishing(isSharded), channels: [keys.announcements(ANY), keys.directoryChanges] },
  ];
}

function reading(holder: Holder): readonly Grant[] {
  const { keys, isSharded } = holder;
  return [
    showing(keys, use.READ_ALL),
    {
      commands: subscribing(isSharded),
      channels: [...heard(keys), keys.own(ANY, 'queue', ANY), keys.instanceChannel(holder.service, ANY)],
    },
    { commands: publishing(isSharded), channels: [keys.instanceChannel(holder.service, ANY)] },
  ];
}

function showing(keys: Keys, commands: readonly string[]): Grant {
  const [root = ''] = keys.directory.split(':');
  return { commands: [...use.READING_SCRIPTS, ...commands], reads: [`${root}:*`] };
}

function heard(keys: Keys): readonly string[] {
  return [keys.announcements(ANY), keys.directoryChanges];
}

/** Every key of a service but those of its queues, its configurations and its logs, which are roles of their own. */
function ownPlaces(keys: Keys, service: string): readonly string[] {
  return [
    ...[keys.instances(service), keys.beats(service), keys.epoch(service), keys.own(service, 'reprieve')],
    ...[keys.presence(service, ANY), keys.health(service, ANY), keys.service(service)],
    ...[keys.routes(service), keys.own(service, 'routes', ANY)],
    ...[keys.edges(service, ANY), keys.metricsLease(service, ANY)],
  ];
}

function configPlaces(keys: Keys, service: string): readonly string[] {
  return [keys.configs(service), keys.own(service, 'config', ANY)];
}

function subscribing(isSharded: boolean): readonly string[] {
  return isSharded ? [...use.SUBSCRIBE, ...use.SUBSCRIBE_SHARDED] : use.SUBSCRIBE;
}

function publishing(isSharded: boolean): readonly string[] {
  return isSharded ? [...use.PUBLISH, ...use.PUBLISH_SHARDED] : use.PUBLISH;
}
