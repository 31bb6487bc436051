import { HydraError } from '../hydra-error.js';
import {
  badOption,
  checkQueueName,
  checkStreamName,
  refuseUnknown,
  serviceName,
  type LayoutName,
  type NamesOf,
} from '../hydra-options.js';
import { createKeys } from '../protocol/keys.js';
import { CONNECT, CONNECT_7_2, CONNECT_CLUSTER, READING_SCRIPTS, SCRIPTS } from './commands.js';
import { coarseRulesOf, selectorsOf, unique, type Grant } from './grants.js';
import {
  ACL_ROLES,
  callGrants,
  configReadGrants,
  configWriteGrants,
  consumeGrants,
  publishGrants,
  queueGrants,
  ROLES,
  type AclRole,
  type Holder,
} from './roles.js';

/**
 * What a process does on Redis, for the rights of its user.
 *
 * @publicApi
 */
export interface AclOptions {
  /** What the process does. @defaultValue ['service', 'worker', 'logger'] */
  readonly roles?: readonly AclRole[];
  /** Services that it calls, or sends events to. @defaultValue [] */
  readonly calls?: readonly string[];
  /** Services to whose queues it adds; `service/queue` for one of several. @defaultValue [] */
  readonly queues?: readonly string[];
  /** Streams that it publishes to. @defaultValue [] */
  readonly streams?: readonly string[];
  /** Streams that it reads as a consumer of a group. @defaultValue [] */
  readonly consumes?: readonly string[];
  /** Other services whose configuration it reads. @defaultValue [] */
  readonly readsConfig?: readonly string[];
  /** Other services whose configuration it writes. @defaultValue [] */
  readonly writesConfig?: readonly string[];
  /** As in {@link HydraOptions}. @defaultValue 'hydra' */
  readonly namespace?: string;
  /** As in {@link HydraOptions}. @defaultValue 'classic' */
  readonly layout?: LayoutName;
  /**
   * The oldest server that has to take the rules. Before 7.0 there are neither selectors nor keys that may only be read: the
   * rules are coarse. @defaultValue '7.0'
   */
  readonly server?: AclServer;
}

/** The version of Redis whose rules are made; 7.2 for Valkey too. @publicApi */
export type AclServer = '6.2' | '7.0' | '7.2';

export const ACL_SERVERS: readonly AclServer[] = ['6.2', '7.0', '7.2'];
export const DEFAULT_ROLES: readonly AclRole[] = ['service', 'worker', 'logger'];

const NAMES = {
  roles: true,
  calls: true,
  queues: true,
  streams: true,
  consumes: true,
  readsConfig: true,
  writesConfig: true,
  namespace: true,
  layout: true,
  server: true,
} satisfies NamesOf<AclOptions>;

/**
 * The least rights with which a process works: the words of ACL SETUSER without the name, the password and `on`. All other
 * rights are taken away by the first of them.
 *
 * @param service the name of the process's own service
 * @throws HydraError `BAD_OPTION`
 * @publicApi
 */
export function aclRules(service: string, options: AclOptions = {}): readonly string[] {
  refuseUnknown('aclRules', options, NAMES);
  const { server = '7.0' } = options;
  if (!ACL_SERVERS.includes(server)) throw badOption('server', server, ACL_SERVERS.join(', '));
  const grants = grantsOf(serviceName(service), { ...options, server });
  if (server !== '6.2')
    return ['resetkeys', 'resetchannels', 'clearselectors', '-@all', ...selectorsOf(grants)];
  const known = grants.map((grant) => ({ ...grant, commands: grant.commands.filter(isKnownTo62) }));
  return ['resetkeys', 'resetchannels', '-@all', ...coarseRulesOf(known)];
}

/** What should be said beside the rules, for people. */
export function aclNotes({ server = '7.0', roles = DEFAULT_ROLES }: AclOptions): readonly string[] {
  const notes: string[] = [];
  if (server === '6.2')
    notes.push(
      'Redis 6.2 has neither selectors nor keys that may only be read: every command is allowed on every key and channel named here, so this user may also write what it should only read',
    );
  if (!roles.includes('upkeep'))
    notes.push(
      'give the role upkeep to one service, so that what others left behind is taken out of the registry',
    );
  return notes;
}

function grantsOf(service: string, options: AclOptions & { readonly server: AclServer }): readonly Grant[] {
  const { roles = DEFAULT_ROLES, namespace = 'hydra', layout = 'classic', server } = options;
  const keys = createKeys({ namespace, layout });
  const isSharded = layout === 'hash-tags';
  const holder: Holder = { keys, service, isSharded };
  const root = (others: readonly Grant[]): Grant => ({
    commands: [
      ...CONNECT,
      ...(server === '6.2' || others.some(isMoreThanReading) ? SCRIPTS : []),
      ...(server === '6.2' ? [] : READING_SCRIPTS),
      ...(server === '7.2' ? CONNECT_7_2 : []),
      ...(isSharded ? CONNECT_CLUSTER : []),
    ],
  });
  for (const role of roles)
    if (!ACL_ROLES.includes(role)) throw badOption('roles', role, ACL_ROLES.join(', '));
  const others = [
    ...roles.flatMap((role) => ROLES[role](holder)),
    ...callGrants(holder, namesOf('calls', options.calls)),
    ...(options.queues ?? []).flatMap((place) => queueOf(holder, place)),
    ...streamsOf('streams', options.streams).flatMap((name) => publishGrants(keys, name)),
    ...streamsOf('consumes', options.consumes).flatMap((name) => consumeGrants(keys, name)),
    ...namesOf('readsConfig', options.readsConfig).flatMap((name) => configReadGrants(holder, name)),
    ...namesOf('writesConfig', options.writesConfig).flatMap((name) => configWriteGrants(holder, name)),
  ];
  return merged([root(others), ...others]);
}

/** Scripts that write go by EVALSHA, and what publishes runs one. */
function isMoreThanReading({ commands }: Grant): boolean {
  return commands.includes('evalsha') || commands.includes('publish');
}

function namesOf(option: string, given: readonly string[] = []): readonly string[] {
  return given.map((name) => serviceName(name, option));
}

function streamsOf(option: string, given: readonly string[] = []): readonly string[] {
  return given.map((name) => checkStreamName(option, name));
}

function queueOf(holder: Holder, place: string): readonly Grant[] {
  const [service = '', queue, ...rest] = place.split('/');
  if (rest.length > 0)
    throw new HydraError('BAD_OPTION', `queues: "${place}" must be service or service/queue`);
  if (queue !== undefined) checkQueueName('queues', queue);
  return queueGrants(holder, serviceName(service, 'queues'), { queue });
}

/**
 * Grants of the same commands become one: a SUBSCRIBE of several channels has to be allowed by one selector.
 */
function merged([root, ...grants]: readonly Grant[]): readonly Grant[] {
  const byCommands = new Map<string, Grant>();
  for (const grant of grants) {
    const commands = unique(grant.commands).toSorted();
    const name = [...commands, grant.channels ? '&' : '~'].join(' ');
    const known = byCommands.get(name);
    byCommands.set(name, {
      commands,
      keys: unique([...(known?.keys ?? []), ...(grant.keys ?? [])]),
      reads: unique([...(known?.reads ?? []), ...(grant.reads ?? [])]),
      channels: unique([...(known?.channels ?? []), ...(grant.channels ?? [])]),
    });
  }
  return [...(root ? [root] : []), ...byCommands.values()];
}

function isKnownTo62(command: string): boolean {
  return !/_ro$|^s(?:un)?subscribe$|^spublish$|\|shardnumsub$/.test(command) && command !== 'client|setinfo';
}
