import { integer } from '../../hydra-options.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { readDeadLetter } from '../model/dead-letter.js';
import { failureGroup } from './failure-group.js';
import type { QueueKeys } from '../model/queue-keys.js';
import type { JobSearch } from '../producer/job-search.js';

/** How many dead letters `failures` looks at. @publicApi */
export interface FailureOptions {
  /** How many of the newest ones. @defaultValue 10000 */
  readonly lookAt?: number;
}

/** Dead letters that became so for the same reason. @publicApi */
export interface FailureGroup {
  /** What their reasons have in common: `no user <n>`. `redrive` and `clean` take it as `reason`. */
  readonly reason: string;
  /** The reason of the newest one, in full. */
  readonly example: string;
  /** How many dead letters have it. */
  readonly count: number;
  /** How many of them are of each pattern. */
  readonly patterns: Readonly<Record<string, number>>;
  /** When the first of them became a dead letter; undefined for those of Hydra 1.x workers. */
  readonly firstAt: Date | undefined;
  /** When the last of them did. */
  readonly lastAt: Date | undefined;
  /** The newest ids, ten at most, the newest first. */
  readonly ids: readonly string[];
}

/** Why jobs became dead letters. @publicApi */
export interface Failures {
  /** The largest group first. */
  readonly groups: readonly FailureGroup[];
  /** How many dead letters were looked at. */
  readonly looked: number;
  /** There are older ones, which were not looked at. */
  readonly hasMore: boolean;
}

const IDS_SHOWN = 10;

/** Groups the newest dead letters of a queue by their reasons, in bounded steps. */
export async function readFailures(
  {
    redis,
    keys,
    search,
  }: { readonly redis: RedisConnections; readonly keys: QueueKeys; readonly search: JobSearch },
  { lookAt = 10_000 }: FailureOptions,
): Promise<Failures> {
  integer('lookAt', lookAt, 1);
  const total = await redis.run('count dead letters', (client) => client.llen(keys.incomplete));
  const from = Math.max(0, total - lookAt);
  const groups = new Map<string, Grouping>();
  let looked = 0;
  await search.each(
    keys.incomplete,
    [],
    ({ raw }) => {
      looked++;
      add(groups, raw);
      return looked >= lookAt;
    },
    from,
  );
  const sorted = [...groups].toSorted(([, a], [, b]) => b.count - a.count);
  return { groups: sorted.map(([reason, group]) => groupOf(reason, group)), looked, hasMore: from > 0 };
}

interface Grouping {
  count: number;
  example: string;
  readonly patterns: Map<string, number>;
  firstAt: Date | undefined;
  lastAt: Date | undefined;
  ids: string[];
}

/** The oldest comes first. */
function add(groups: Map<string, Grouping>, raw: string): void {
  const letter = readDeadLetter(raw);
  if (!letter) return;
  const { id, pattern, reason, diedAt } = letter;
  const name = failureGroup(reason);
  const group = groups.get(name) ?? newGroup(groups, name);
  group.count++;
  group.example = reason;
  group.patterns.set(pattern, (group.patterns.get(pattern) ?? 0) + 1);
  group.firstAt ??= diedAt;
  group.lastAt = diedAt ?? group.lastAt;
  group.ids = [id, ...group.ids.slice(0, IDS_SHOWN - 1)];
}

function newGroup(groups: Map<string, Grouping>, name: string): Grouping {
  const group = {
    count: 0,
    example: '',
    patterns: new Map(),
    firstAt: undefined,
    lastAt: undefined,
    ids: [],
  };
  groups.set(name, group);
  return group;
}

function groupOf(reason: string, { patterns, ...group }: Grouping): FailureGroup {
  return { reason, ...group, patterns: Object.fromEntries(patterns) };
}
