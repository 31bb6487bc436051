import semver from 'semver';

import { HydraError } from '../../hydra-error.js';
import type { Instance } from '../../hydra-options.js';
import { fnv1a } from '../../protocol/fnv1a.js';

/** What a client requires of the instances that it calls. */
export interface Criteria {
  /** A semver range that the instance's version must satisfy, such as `^2` or `>=1.4 <3`. */
  readonly version?: string | undefined;
  /** Tags that the instance must all have. */
  readonly tags?: readonly string[] | undefined;
}

/** Selects instances of a service. */
export interface Selection {
  /** For messages: `version ^2, tags eu, gpu`. */
  readonly description: string;
  /** The instances of the list that match: for the same frozen list always the same array. */
  of(instances: readonly Instance[]): readonly Instance[];
}

/**
 * A selection by these criteria; undefined when there are none.
 *
 * @throws HydraError `BAD_OPTION` when the range is not valid
 */
export function createSelection({ version, tags = [] }: Criteria): Selection | undefined {
  if (version !== undefined && semver.validRange(version) === null) {
    throw new HydraError('BAD_OPTION', `version must be a semver range such as "^2", got "${version}"`);
  }
  const tests = [
    ...(version === undefined ? [] : [(instance: Instance) => isInRange(instance.version, version)]),
    ...tags.map(
      (tag) =>
        ({ capabilities }: Instance) =>
          capabilities?.tags?.includes(tag) === true,
    ),
  ];
  if (tests.length === 0) return undefined;
  return {
    description: [
      ...(version === undefined ? [] : [`version ${version}`]),
      ...(tags.length === 0 ? [] : [`tags ${tags.join(', ')}`]),
    ].join(', '),
    of: remembered((instances) => instances.filter((instance) => tests.every((test) => test(instance)))),
  };
}

/**
 * The instance that a key belongs to. It stays the same as long as this instance is available. When instances join or
 * leave, only the keys of these instances move (rendezvous hashing).
 */
export function pickByKey(key: string, instances: readonly Instance[]): Instance | undefined {
  const hash = fnv1a(key);
  let best: Instance | undefined;
  let bestScore = -1;
  for (const instance of instances) {
    const score = mix(hash ^ idHash(instance));
    if (score > bestScore) [best, bestScore] = [instance, score];
  }
  return best;
}

/** Versions such as `1.2` or `v1`, which Hydra 1.x allows, count as `1.2.0` and `1.0.0`; other words satisfy no range. */
function isInRange(version: string, range: string): boolean {
  const parsed = semver.parse(version) ?? semver.coerce(version);
  return parsed !== null && semver.satisfies(parsed, range);
}

/** The lists are frozen and replaced as a whole, so each list is filtered only once. */
function remembered(select: (instances: readonly Instance[]) => readonly Instance[]): Selection['of'] {
  const results = new WeakMap<readonly Instance[], readonly Instance[]>();
  return (instances) => {
    let result = results.get(instances);
    if (!result) results.set(instances, (result = Object.freeze(select(instances))));
    return result;
  };
}

const idHashes = new WeakMap<Instance, number>();

function idHash(instance: Instance): number {
  let hash = idHashes.get(instance);
  if (hash === undefined) idHashes.set(instance, (hash = fnv1a(instance.id)));
  return hash;
}

/** The finish of murmur3: neighbouring inputs end far apart. */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
