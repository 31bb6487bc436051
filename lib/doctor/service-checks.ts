import type { Check, SeenInstance } from './finding.js';

const MAX_NAMED = 5;
const OLD_JOB_MS = 300_000;
const MAX_VERSIONS = 2;
const NEARLY = 0.9;
const FEW_FILES = 1_024;
const STALE_NODES = 100;

type Plain = Omit<Check, 'docs'>;

const REGISTRY: readonly Plain[] = [
  {
    id: 'rights.missing',
    category: 'rights',
    severity: 'error',
    needs: ['rights'],
    why: 'what the user may not do fails with FORBIDDEN when it is needed',
    fix: 'npx nestjs-hydra acl <service> prints the rules that the user needs',
    find: ({ rights: { user, missing } }) =>
      missing.length > 0 ? `the user "${user}" may not ${listed(missing)}` : undefined,
  },
  {
    id: 'rights.refused',
    category: 'rights',
    severity: 'warning',
    needs: ['process'],
    why: 'Redis has refused what this process asked for lately',
    fix: 'npx nestjs-hydra acl <service> prints the rules that the user needs',
    find: ({ process: { refused } }) => (refused.length > 0 ? listed(refused) : undefined),
  },
  {
    id: 'layout.other',
    category: 'layout',
    severity: 'warning',
    needs: ['otherLayout'],
    why: 'services with another layout of keys and this process do not see each other',
    fix: "set the same layout everywhere: layout: 'classic' or 'hash-tags'",
    find: ({ otherLayout }) =>
      otherLayout.length > 0 ? `instances of ${listed(otherLayout)} use the other layout of keys` : undefined,
  },
  {
    id: 'registry.empty',
    category: 'registry',
    severity: 'info',
    needs: ['instances'],
    why: 'a service with another namespace, or on another Redis, is not found here',
    fix: 'start a service; compare its namespace and HYDRA_REDIS_URL with those of this command',
    find: ({ instances }) => (instances.length === 0 ? 'no instance is registered' : undefined),
  },
  {
    id: 'registry.dead',
    category: 'registry',
    severity: 'warning',
    needs: ['services'],
    why: 'they were killed, and nobody is there to take them out: whoever starts finds them for a moment',
    fix: 'start any service of this library, or npx nestjs-hydra forget <service>',
    find: ({ services }) => {
      const dead = services.filter((one) => one.dead > 0);
      const count = dead.reduce((sum, one) => sum + one.dead, 0);
      return count > 0 ? `${count} instances without a presence are listed, of ${named(dead)}` : undefined;
    },
  },
  {
    id: 'registry.deaf',
    category: 'registry',
    severity: 'error',
    needs: ['instances'],
    why: 'they are alive, and receive no call: calls to them wait for a probe, and are sent to another instance',
    fix: 'restart these processes; see what their log says about Redis: npx nestjs-hydra logs <service>',
    find: ({ instances }) => {
      const deaf = instances.filter(({ acceptsCalls, listeners }) => acceptsCalls && listeners === 0);
      return deaf.length > 0 ? `${deaf.length} instances do not listen, of ${named(deaf)}` : undefined;
    },
  },
  {
    id: 'registry.problems',
    category: 'registry',
    severity: 'error',
    needs: ['instances'],
    why: 'these instances say that they cannot do their work',
    fix: 'npx nestjs-hydra health <service>',
    find: ({ instances }) => said(instances, ({ problems }) => problems),
  },
  {
    id: 'registry.warnings',
    category: 'registry',
    severity: 'warning',
    needs: ['instances'],
    why: 'these instances work, and ask a person to look',
    fix: 'npx nestjs-hydra health <service>',
    find: ({ instances }) => said(instances, ({ warnings }) => warnings),
  },
  {
    id: 'registry.versions',
    category: 'registry',
    severity: 'info',
    needs: ['instances'],
    why: 'which version answers a call is left to chance; during a roll-out there are two',
    fix: 'npx nestjs-hydra nodes <service>; finish the roll-out, or call by version: forFeature({ clients: [{ service, version }] })',
    find: ({ instances }) => {
      const mixed = [...byService(instances)].filter(
        ([, own]) => new Set(own.map(({ version }) => version)).size > MAX_VERSIONS,
      );
      return mixed.length > 0
        ? `${listed(mixed.map(([service]) => service))} run in more than ${MAX_VERSIONS} versions`
        : undefined;
    },
  },
  {
    id: 'registry.stale-nodes',
    category: 'registry',
    severity: 'info',
    needs: ['nodes', 'instances'],
    why: 'Hydra 1.x processes read all of them, and call those that are gone',
    fix: 'start any service of this library: one of them cleans up for all; npx nestjs-hydra forget <service>',
    find: ({ nodes, instances }) => {
      const stale = nodes - instances.length;
      return stale > Math.max(STALE_NODES, instances.length)
        ? `${stale} entries of hydra:service:nodes belong to nobody`
        : undefined;
    },
  },
];

const WORK: readonly Plain[] = [
  {
    id: 'queues.no-worker',
    category: 'queues',
    severity: 'error',
    needs: ['services', 'instances'],
    why: 'jobs wait, and nobody takes them',
    fix: 'start an instance of the service that has a @QueuePattern handler',
    find: ({ services, instances }) => {
      const stuck = services.filter(
        ({ service, waiting, workers }) => waiting > 0 && workers === 0 && !hasLegacy(instances, service),
      );
      const count = stuck.reduce((sum, { waiting }) => sum + waiting, 0);
      return count > 0 ? `${count} jobs wait without a worker, of ${named(stuck)}` : undefined;
    },
  },
  {
    id: 'queues.old',
    category: 'queues',
    severity: 'warning',
    needs: ['services'],
    why: 'jobs come faster than they are worked off, or their pattern has no handler',
    fix: 'npx nestjs-hydra queue <service>; start more instances, or raise concurrency',
    find: ({ services }) => {
      const old = services.filter(({ oldestMs, workers }) => workers > 0 && (oldestMs ?? 0) > OLD_JOB_MS);
      return old.length > 0
        ? `the next job of ${named(old)} has waited ${Math.round(old[0]!.oldestMs! / 60_000)} minutes`
        : undefined;
    },
  },
  {
    id: 'queues.dead-letters',
    category: 'queues',
    severity: 'warning',
    needs: ['services'],
    why: 'these jobs were given up, and wait for a person',
    fix: 'npx nestjs-hydra queue dead <service>; then queue redrive or queue remove',
    find: ({ services }) => {
      const some = services.filter(({ deadLetters }) => deadLetters > 0);
      const count = some.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
      return count > 0 ? `${count} dead letters, of ${named(some)}` : undefined;
    },
  },
  {
    id: 'queues.paused',
    category: 'queues',
    severity: 'info',
    needs: ['services'],
    why: 'no job of a paused queue starts',
    fix: 'npx nestjs-hydra queue resume <service>',
    find: ({ services }) => {
      const paused = services.filter(({ isPaused }) => isPaused);
      return paused.length > 0 ? `the queue of ${named(paused)} is paused` : undefined;
    },
  },
  {
    id: 'queues.hydra-in-progress',
    category: 'queues',
    severity: 'warning',
    needs: ['services', 'instances'],
    why: 'a Hydra 1.x worker that dies leaves its job there, and nothing brings it back',
    fix: 'npx nestjs-hydra queue <service>',
    find: ({ services, instances }) => {
      const left = services.filter(
        ({ service, inProgress }) => inProgress > 0 && !hasLegacy(instances, service),
      );
      return left.length > 0
        ? `jobs of Hydra 1.x workers that are gone are left in ${named(left)}`
        : undefined;
    },
  },
  {
    id: 'configuration.behind',
    category: 'configuration',
    severity: 'warning',
    needs: ['services', 'instances'],
    why: 'these instances run with older values than the stored ones: they refused them, or do not follow changes',
    fix: 'npx nestjs-hydra config show <service>; npx nestjs-hydra logs <service> says why it was refused',
    find: ({ services, instances }) => {
      const stored = new Map(services.map(({ service, revisions }) => [service, revisions]));
      const behind = instances.filter(({ service, config }) => isBehind(config, stored.get(service) ?? {}));
      return behind.length > 0
        ? `${behind.length} instances run with an older configuration, of ${named(behind)}`
        : undefined;
    },
  },
  {
    id: 'process.node',
    category: 'process',
    severity: 'warning',
    needs: ['process'],
    why: 'this library is not tested there',
    fix: 'install Node 20.19, 22.12, 24 or newer',
    find: ({ process: { nodeVersion } }) =>
      isSupported(nodeVersion) ? undefined : `this is Node ${nodeVersion}`,
  },
  {
    id: 'process.memory',
    category: 'process',
    severity: 'warning',
    needs: ['process'],
    why: 'near its limit Node collects garbage all the time: heartbeats come late, then the process ends',
    fix: 'node --max-old-space-size=<MB>; look for what grows: hydra_process_memory_bytes',
    find: ({ process: { heapUsed, heapLimit } }) =>
      heapUsed > heapLimit * NEARLY
        ? `${Math.round((heapUsed / heapLimit) * 100)} % of the heap of this process are used`
        : undefined,
  },
  {
    id: 'process.files',
    category: 'process',
    severity: 'info',
    needs: ['process'],
    why: 'each connection is an open file, and none is made above the limit',
    fix: 'ulimit -n 65536, or LimitNOFILE=65536 in the unit of systemd',
    find: ({ process: { maxFiles } }) =>
      maxFiles !== undefined && maxFiles < FEW_FILES ? `this process may open ${maxFiles} files` : undefined,
  },
];

/** What is looked for among services, in their work and in this process. */
export const SERVICE_CHECKS: readonly Check[] = [...REGISTRY, ...WORK].map((check) => ({
  ...check,
  docs: `docs/doctor.md#${check.id.replaceAll('.', '')}`,
}));

/** A worker of Hydra 1.x does not say that it is one. */
function hasLegacy(instances: readonly SeenInstance[], service: string): boolean {
  return instances.some((one) => one.service === service && !one.isOurs);
}

function isBehind(config: string | undefined, revisions: Readonly<Record<string, string>>): boolean {
  const at = config?.lastIndexOf('@') ?? -1;
  if (config === undefined || at < 0) return false;
  const stored = revisions[config.slice(0, at)];
  return stored !== undefined && stored !== config.slice(at + 1);
}

function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major >= 24 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
}

function byService(instances: readonly SeenInstance[]): Map<string, SeenInstance[]> {
  const groups = new Map<string, SeenInstance[]>();
  for (const one of instances) groups.set(one.service, [...(groups.get(one.service) ?? []), one]);
  return groups;
}

/** What instances say of themselves, with their services. */
function said(
  instances: readonly SeenInstance[],
  select: (instance: SeenInstance) => readonly string[],
): string | undefined {
  const some = instances.flatMap((one) => select(one).map((text) => `${one.service}: ${text}`));
  return some.length > 0 ? listed([...new Set(some)]) : undefined;
}

function named(some: readonly { readonly service: string }[]): string {
  return listed([...new Set(some.map(({ service }) => service))]);
}

function listed(names: readonly string[]): string {
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return `${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}
