import type { FoundFault } from '../../redis/faults/fault.js';
import { MISSING_RIGHTS } from '../../registry/needed-rights.js';
import { OTHER_LAYOUT } from '../../registry/other-layout.js';
import type { SeenHealth, SeenInstance } from '../evidence/facts.js';
import type { Check } from '../finding.js';
import { listed } from '../../runtime/listed.js';
import { named, sumOf } from './names.js';

const MAX_VERSIONS = 2;
const STALE_NODES = 100;

/** Rights, the layout of keys, and what instances tell. */
export const REGISTRY_CHECKS: readonly Check[] = [
  {
    ...MISSING_RIGHTS,
    category: 'rights',
    needs: ['rights'],
    find: ({ rights }) => MISSING_RIGHTS.find(rights),
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
    ...OTHER_LAYOUT,
    category: 'layout',
    needs: ['otherLayout'],
    find: ({ otherLayout }) => OTHER_LAYOUT.find(otherLayout),
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
      const some = services.filter(({ dead }) => dead > 0);
      if (some.length === 0) return undefined;
      const count = sumOf(some, ({ dead }) => dead);
      const what = `${count} instances without a presence are listed, of ${named(some)}`;
      return { what, names: { service: some[0]!.service }, about: servicesOf(some) };
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
      if (deaf.length === 0) return undefined;
      const what = `${deaf.length} instances do not listen, of ${named(deaf)}`;
      const about = deaf.map(({ service, id }) => ({ service, instance: id }));
      return { what, names: { service: deaf[0]!.service }, about };
    },
  },
  {
    id: 'registry.problems',
    category: 'registry',
    severity: 'error',
    needs: ['health'],
    why: 'these instances say that they cannot do their work',
    fix: 'npx nestjs-hydra health <service>',
    find: ({ health }) => said(health, 'problems'),
  },
  {
    id: 'registry.warnings',
    category: 'registry',
    severity: 'warning',
    needs: ['health'],
    why: 'these instances work, and ask a person to look',
    fix: 'npx nestjs-hydra health <service>',
    find: ({ health }) => said(health, 'warnings'),
  },
  {
    id: 'registry.versions',
    category: 'registry',
    severity: 'info',
    needs: ['instances'],
    why: 'which version answers a call is left to chance; during a roll-out there are two',
    fix: 'npx nestjs-hydra instances <service>; finish the roll-out, or call by version: forFeature({ clients: [{ service, version }] })',
    find: ({ instances }) => {
      const mixed = [...byService(instances)].filter(([, versions]) => versions.size > MAX_VERSIONS);
      const names = mixed.map(([service]) => service);
      if (names.length === 0) return undefined;
      const what = `more than ${MAX_VERSIONS} versions run at the same time, of ${listed(names)}`;
      return { what, names: { service: names[0]! }, about: names.map((service) => ({ service })) };
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
  {
    id: 'configuration.behind',
    category: 'configuration',
    severity: 'warning',
    needs: ['configurations', 'instances'],
    why: 'these instances run with older values than the stored ones: they refused them, or do not follow changes',
    fix: 'npx nestjs-hydra config list <service>; npx nestjs-hydra logs <service> says why it was refused',
    find: ({ configurations, instances }) => {
      const stored = new Map(configurations.map(({ service, revisions }) => [service, revisions]));
      const behind = instances.filter(({ service, config }) => isBehind(config, stored.get(service)));
      if (behind.length === 0) return undefined;
      const what = `${behind.length} instances run with an older configuration, of ${named(behind)}`;
      return { what, names: { service: behind[0]!.service }, about: servicesOf(behind) };
    },
  },
];

function byService(instances: readonly SeenInstance[]): ReadonlyMap<string, ReadonlySet<string>> {
  const versions = new Map<string, Set<string>>();
  for (const { service, version } of instances)
    versions.set(service, (versions.get(service) ?? new Set()).add(version));
  return versions;
}

/** What instances say of themselves, with their services. */
function said(health: readonly SeenHealth[], select: 'problems' | 'warnings') {
  const some = health.filter((one) => one[select].length > 0);
  if (some.length === 0) return undefined;
  const texts = some.flatMap((one) => one[select].map((text) => `${one.service}: ${text}`));
  const about = servicesOf(some);
  return { what: listed([...new Set(texts)]), names: { service: some[0]!.service }, about };
}

function servicesOf(some: readonly { readonly service: string }[]): NonNullable<FoundFault['about']> {
  return some.map(({ service }) => ({ service }));
}

function isBehind(config: string | undefined, revisions: Readonly<Record<string, string>> = {}): boolean {
  const at = config?.lastIndexOf('@') ?? -1;
  if (config === undefined || at < 0) return false;
  const stored = revisions[config.slice(0, at)];
  return stored !== undefined && stored !== config.slice(at + 1);
}
