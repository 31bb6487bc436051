import { badOption, numberOptions, integer, MAX_TIMER_MS, type Group } from './checks.js';
import type { NamesOf } from './names.js';

/**
 * What is kept of dead letters, in each group of each stream: the newest, until one limit is passed.
 *
 * @publicApi
 */
export interface DeadLetterLimits {
  /** Number kept, about. @defaultValue 10000 */
  readonly count?: number;
  /** Age, in milliseconds. @defaultValue 1209600000: fourteen days */
  readonly ageMs?: number;
}

/**
 * Defaults of all handlers of entries in a process, and what streams keep.
 *
 * @publicApi
 */
export interface StreamOptions {
  /** Entries that one `@StreamPattern` handler has in flight at once, in this instance. @defaultValue 50 */
  readonly concurrency?: number;
  /** How often an entry is tried before it becomes a dead letter. @defaultValue 5 */
  readonly attempts?: number;
  /** Wait before the second attempt, in milliseconds; doubled for each further one. @defaultValue 200 */
  readonly retryMinMs?: number;
  /** Longest wait before an attempt, in milliseconds. @defaultValue 30000 */
  readonly retryMaxMs?: number;
  /** Idle time after which entries of consumers that are no instances of ours are claimed, in milliseconds. @defaultValue 60000 */
  readonly claimIdleMs?: number;
  /** How long a publisher's `id` keeps the same event from being stored twice, in milliseconds. @defaultValue 3600000 */
  readonly dedupMs?: number;
  /** Dead letters. @defaultValue { count: 10000, ageMs: 1209600000 }: fourteen days */
  readonly deadLetters?: DeadLetterLimits;
  /** Streams whose typed entries this service's `@EventPattern` handlers handle, by name or with options. @defaultValue [] */
  readonly events?: readonly (string | EventStream)[];
}

/**
 * The ordering key of an entry: the name of a member of its data (`customer`, `customer.id`), or a function of the
 * data.
 */
export type OrderBy = string | ((data: never) => unknown);

/**
 * Where a group begins that does not exist yet: with what is published from now on, with everything that is stored, with
 * an entry's id, or with a time. A group that exists continues where it is.
 */
export type StreamStart = 'new' | 'beginning' | (string & {}) | Date;

/**
 * How the entries of a stream are handled.
 *
 * @publicApi
 */
export interface EntryOptions {
  /** The group of the handler: its instances share the entries. @defaultValue the service's name */
  readonly group?: string;
  /** Where the group begins when it does not exist yet. @defaultValue 'new' */
  readonly from?: StreamStart;
  /** Entries (or batches) that a handler has in flight at once, in this instance. @defaultValue `streams.concurrency` */
  readonly concurrency?: number;
  /**
   * How often an entry is tried before it becomes a dead letter. If an instance died during the last attempt, the entry
   * is tried once more, alone, because it need not be the cause. @defaultValue `streams.attempts`
   */
  readonly attempts?: number;
  /** Waits between attempts, in milliseconds. @defaultValue `streams.retryMinMs`, `streams.retryMaxMs` */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number };
  /**
   * Entries with an equal value are handled one after another in the whole group, in their order in the stream; where the
   * value is undefined or null, in parallel. @defaultValue none
   */
  readonly orderBy?: OrderBy;
  /**
   * The longest time of an attempt, in milliseconds. After it the attempt counts as failed, and its signal aborts; 0
   * means no limit. @defaultValue 0
   */
  readonly timeoutMs?: number;
}

/**
 * A stream of events for the `@EventPattern` handlers of a service. All of them are in one group.
 *
 * @publicApi
 */
export interface EventStream extends EntryOptions {
  /** Its name. */
  readonly stream: string;
}

export const ENTRY_NAMES = {
  group: true,
  from: true,
  concurrency: true,
  attempts: true,
  backoff: { minMs: true, maxMs: true },
  orderBy: true,
  timeoutMs: true,
} satisfies NamesOf<EntryOptions>;

export const STREAM_NAMES = {
  concurrency: true,
  attempts: true,
  retryMinMs: true,
  retryMaxMs: true,
  claimIdleMs: true,
  dedupMs: true,
  deadLetters: { count: true, ageMs: true } satisfies NamesOf<DeadLetterLimits>,
  events: { '*': { stream: true, ...ENTRY_NAMES } },
} satisfies NamesOf<StreamOptions>;

export type ResolvedStreamOptions = Group<Omit<StreamOptions, 'events' | 'deadLetters'>> & {
  readonly deadLetters: Group<DeadLetterLimits>;
  readonly events: readonly EventStream[];
};

const STREAM_DEFAULTS = {
  concurrency: 50,
  attempts: 5,
  retryMinMs: 200,
  retryMaxMs: 30_000,
  claimIdleMs: 60_000,
  dedupMs: 3_600_000,
};

export function streams(given?: StreamOptions): ResolvedStreamOptions {
  const resolved = numberOptions('streams', STREAM_DEFAULTS, given);
  integer('streams.retryMaxMs', resolved.retryMaxMs, 1, MAX_TIMER_MS);
  integer('streams.retryMinMs', resolved.retryMinMs, 1, resolved.retryMaxMs);
  return {
    ...resolved,
    deadLetters: numberOptions(
      'streams.deadLetters',
      { count: 10_000, ageMs: 1_209_600_000 },
      given?.deadLetters,
    ),
    events: Object.freeze((given?.events ?? []).map(eventStream)),
  };
}

function eventStream(given: string | EventStream): EventStream {
  const resolved = typeof given === 'string' ? { stream: given } : given;
  if (typeof resolved?.stream !== 'string')
    throw badOption('streams.events', given, "streams' names, or { stream, … }");
  checkStreamName('streams.events', resolved.stream);
  return Object.freeze({ ...resolved });
}

/** What Hydra 1.x scans for ends in one of these, so a key that ended so would be taken for its own. */
const HYDRAS_OWN = ['service', 'routes', 'presence', 'health'];

/**
 * Letters, digits, `_`, `-` and `.`: it becomes a part of key names.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function checkStreamName(option: string, value: unknown): string {
  return checkName(option, value);
}

/**
 * As {@link checkStreamName}. A group is called like its service, whose name may have other characters.
 *
 * @throws HydraError `BAD_OPTION`
 */
export function checkGroupName(option: string, value: unknown): string {
  return checkName(option, value, '; name another group where the service is called so');
}

function checkName(option: string, value: unknown, hint = ''): string {
  if (typeof value !== 'string' || !/^[\w.-]+$/.test(value))
    throw badOption(option, value, `letters, digits, "_", "-" and "." only${hint}`);
  if (!HYDRAS_OWN.includes(value)) return value;
  throw badOption(
    option,
    value,
    `none of ${HYDRAS_OWN.join(', ')}: Hydra 1.x would take its keys for its own${hint}`,
  );
}
