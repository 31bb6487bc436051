/**
 * Every key and channel name, in one place. The classic layout is Hydra 1.9's, byte for byte; the one with hash
 * tags puts braces around the service (`hydra:service:{math}:…`), so that all keys of one service share a slot.
 *
 * Names of our own end neither in `:service` nor in `:routes`, nor match a pattern that Hydra scans for
 * (`*:<service>:*:presence`, `…:health`, `…:health:log`).
 */
export interface Keys {
  /** STRING, JSON: the service's record. Never expires. */
  service(service: string): string;
  /** STRING with a life of seconds: the instance is alive. Hydra takes the id from the fourth `:` segment. */
  presence(service: string, id: string): string;
  /** STRING with a life of seconds, JSON: the instance's health. */
  health(service: string, id: string): string;
  /** LIST, newest at its head, at most `logging.maxEntries`: the instance's log. */
  healthLog(service: string, id: string): string;
  /** STRING with a life of an hour, JSON: what the instance has counted of its calls, jobs and entries. Ours. */
  edges(service: string, id: string): string;
  /** STRING with the life that somebody gave it: the level at which the service logs meanwhile. Ours. */
  logLevel(service: string): string;
  /** SET of `[verb]/path`. */
  routes(service: string): string;
  /** HASH version → JSON. */
  configs(service: string): string;
  /** HASH id → JSON: every instance that was ever there, renewed with each heartbeat. */
  readonly nodes: string;
  /** LISTs: work waiting, in progress, given up. `mqrecieved` is Hydra's spelling; another would cut off its workers. */
  waiting(service: string): string;
  inProgress(service: string): string;
  incomplete(service: string): string;

  /** HASH id → JSON: the live instances of one service. Ours. */
  instances(service: string): string;
  /** ZSET id → the instant (Redis clock, ms) at which its presence must be looked at again. Ours. */
  beats(service: string): string;
  /** STRING: counts the changes of `instances`. Ours. */
  epoch(service: string): string;
  /** SET of the names of all services. Ours. */
  readonly directory: string;
  /** STRING with a life of seconds: the id of the instance that reports one queue, one group, or the instances. Ours. */
  metricsLease(service: string, what: string): string;
  /** STRING with a life of seconds: who looks after the nodes hash and the directory on behalf of all. Ours. */
  readonly bridge: string;

  /** Channel of one instance: calls and messages sent to it. */
  instanceChannel(service: string, id: string): string;
  /** Channel of one instance for answers to its calls: who may answer need not be allowed to call. Ours. */
  replyChannel(service: string, id: string): string;
  /** Channel of all instances of a service. */
  serviceChannel(service: string): string;
  /** Channel that announces joins, changes and leaves of one service. Ours. */
  announcements(service: string): string;
  /** Channel that announces names added to the directory. Ours. */
  readonly directoryChanges: string;

  /** HASH version → `<revision> <sha1 of the JSON>`: which revision the stored text of a version is. Ours. */
  configRevisions(service: string): string;
  /** STRING: counts the changes of a service's configurations. Ours. */
  configCounter(service: string): string;
  /** LIST of JSON, newest at its head, bounded: every change of a service's configurations. Ours. */
  configHistory(service: string): string;
  /** STRING: how many changes the history keeps, as the service itself says. Ours. */
  configHistoryLimit(service: string): string;
  /** SET of paths whose values nobody should see. Ours. */
  configSecrets(service: string): string;
  /** STRING with a life of a moment: somebody compares the configurations with their revisions just now. Ours. */
  configSurvey(service: string): string;
  /** Channel that announces changes of a service's configurations. Ours. */
  configAnnouncements(service: string): string;

  /** Any further key of a service (queues, streams): same slot as the others. */
  own(service: string, ...parts: readonly string[]): string;
  /** A stream by its name, as hydra-router lays it out: `hydra:stream:<name>`. */
  stream(name: string): string;
  /** Any further key of a stream: same slot as the stream. */
  ownStream(name: string, ...parts: readonly string[]): string;
}

/** How keys are named: as Hydra 1.9 names them, or with the service as a hash tag. */
export type LayoutName = 'classic' | 'hash-tags';

export interface KeyLayout {
  /** First segment of every key and channel. Another one keeps two environments on one Redis apart. @defaultValue 'hydra' */
  readonly namespace?: string;
  /** Hash tags keep the keys of a service on one server, where several share the keys. @defaultValue 'classic' */
  readonly layout?: LayoutName;
}

const REPLIES = ':r';

/** Whether a channel is one for answers. */
export function isReplyChannel(channel: string): boolean {
  return channel.endsWith(REPLIES);
}

export function createKeys({ namespace = 'hydra', layout = 'classic' }: KeyLayout = {}): Keys {
  const root = `${namespace}:service`;
  const tag = layout === 'hash-tags' ? (name: string) => `{${name}}` : (name: string) => name;
  const of = (service: string, ...parts: readonly string[]) => [root, tag(service), ...parts].join(':');
  const ofStream = (name: string, ...parts: readonly string[]) =>
    [`${namespace}:stream`, tag(name), ...parts].join(':');

  return Object.freeze<Keys>({
    service: (service) => of(service, 'service'),
    presence: (service, id) => of(service, id, 'presence'),
    health: (service, id) => of(service, id, 'health'),
    healthLog: (service, id) => of(service, id, 'health:log'),
    edges: (service, id) => of(service, id, 'edges'),
    logLevel: (service) => of(service, 'log-level'),
    routes: (service) => of(service, 'service:routes'),
    configs: (service) => of(service, 'configs'),
    nodes: `${root}:nodes`,
    waiting: (service) => of(service, 'mqrecieved'),
    inProgress: (service) => of(service, 'mqinprogress'),
    incomplete: (service) => of(service, 'mqincomplete'),

    instances: (service) => of(service, 'instances'),
    beats: (service) => of(service, 'beats'),
    epoch: (service) => of(service, 'epoch'),
    metricsLease: (service, what) => of(service, 'metrics', 'lease', what),
    directory: `${root}:directory`,
    bridge: `${root}:bridge`,

    instanceChannel: (service, id) => `${root}:mc:${tag(service)}:${id}`,
    replyChannel: (service, id) => `${root}:mc:${tag(service)}:${id}${REPLIES}`,
    serviceChannel: (service) => `${root}:mc:${tag(service)}`,
    announcements: (service) => of(service, 'announcements'),
    directoryChanges: `${root}:directory:announcements`,

    configRevisions: (service) => of(service, 'config', 'revisions'),
    configCounter: (service) => of(service, 'config', 'counter'),
    configHistory: (service) => of(service, 'config', 'history'),
    configHistoryLimit: (service) => of(service, 'config', 'history-limit'),
    configSecrets: (service) => of(service, 'config', 'secrets'),
    configSurvey: (service) => of(service, 'config', 'survey'),
    configAnnouncements: (service) => of(service, 'config', 'announcements'),

    own: of,
    stream: (name) => ofStream(name),
    ownStream: ofStream,
  });
}
