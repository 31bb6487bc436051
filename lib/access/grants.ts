/**
 * Commands that may be run together with these keys and channels: a selector of Redis. Redis asks whether one selector
 * allows a command with all of its keys and channels.
 */
export interface Grant {
  readonly commands: readonly string[];
  /** Patterns of keys that may be read and written. */
  readonly keys?: readonly string[];
  /** Patterns of keys that may only be read. */
  readonly reads?: readonly string[];
  readonly channels?: readonly string[];
}

/** As Redis 7.0 and later take it: the first grant is without keys, each other one is a selector. */
export function selectorsOf([root, ...others]: readonly Grant[]): readonly string[] {
  return [...(root ? wordsOf(root) : []), ...others.map(selectorOf)];
}

/** With `acl-pubsub-default allchannels` a selector begins with all channels, and Redis takes no pattern beside them. */
function selectorOf(grant: Grant): string {
  const emptied = (grant.channels ?? []).length > 0 ? ['resetchannels'] : [];
  return `(${[...emptied, ...wordsOf(grant)].join(' ')})`;
}

/** As Redis 6.2 takes it, which knows neither selectors nor keys that are only read: all commands on all keys. */
export function coarseRulesOf(grants: readonly Grant[]): readonly string[] {
  const keys = grants.flatMap((grant) => [...(grant.keys ?? []), ...(grant.reads ?? [])]);
  return wordsOf({
    commands: unique(grants.flatMap(({ commands }) => commands)),
    keys: unique(keys),
    channels: unique(grants.flatMap(({ channels = [] }) => channels)),
  });
}

function wordsOf({ commands, keys = [], reads = [], channels = [] }: Grant): readonly string[] {
  return [
    ...commands.map((command) => `+${command}`),
    ...keys.map((pattern) => `~${pattern}`),
    ...reads.map((pattern) => `%R~${pattern}`),
    ...channels.map((pattern) => `&${pattern}`),
  ];
}

export function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
