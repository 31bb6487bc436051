import type { Keys } from '../protocol/keys.js';

/** The queue every service has, laid out as Hydra 1.9 does. */
export const DEFAULT_QUEUE = 'default';

/** The keys and channels of one queue. All share the slot of their service. */
export interface QueueKeys {
  /** LISTs of jobs as text, newest at their heads. Those of the default queue are Hydra's. */
  readonly waiting: string;
  readonly inProgress: string;
  /** Dead letters; here the newest is at the tail, as Hydra has it. */
  readonly incomplete: string;
  /** LIST: jobs of high priority. */
  readonly high: string;
  /** LIST: jobs of one pattern that were taken by a worker which could not run them just then. */
  aside(pattern: string): string;
  /**
   * ZSET pattern → the instant (Redis clock, ms) until which a worker has a handler for it. It stays for as long as there
   * are jobs set aside for it.
   */
  readonly patterns: string;
  /** ZSET job → the instant (Redis clock, ms) from which it may be taken. */
  readonly delayed: string;
  /** HASH job → JSON: failures and losses so far. Only of jobs that had some. */
  readonly state: string;
  /** ZSET worker → the instant (Redis clock, ms) until which it counts as alive. */
  readonly owners: string;
  /** HASH fence → job: what one worker holds. */
  leases(owner: string): string;
  /** STRING: the last fence given out. */
  readonly fence: string;
  /** STRING `<since> <last>`: the period over which somebody has looked for dead workers without a pause. */
  readonly watch: string;
  /** STRING, there while the queue is paused. */
  readonly paused: string;
  /** LIST of ids, newest at its head, and HASH id → JSON: completed jobs. */
  readonly finished: string;
  readonly results: string;
  /** HASH id → JSON: the last progress of jobs that run. */
  readonly progress: string;
  /** ZSET id → the instant until which it is taken. */
  readonly ids: string;
  /** HASH pattern → `<tokens> <instant>`: what is left of its rate limit. */
  readonly rates: string;
  /** HASH name → JSON, and ZSET name → its next instant: repeating jobs. */
  readonly schedules: string;
  readonly ticks: string;
  /** STRING with a life of seconds: somebody listens to `events`. */
  readonly watched: string;
  /** Channel of what happens to jobs. */
  readonly events: string;
  /** Channel that tells workers to look again. */
  readonly wake: string;
}

export function createQueueKeys(keys: Keys, service: string, queue = DEFAULT_QUEUE): QueueKeys {
  const of = (...parts: readonly string[]) => keys.own(service, 'queue', queue, ...parts);
  const isDefault = queue === DEFAULT_QUEUE;
  return Object.freeze<QueueKeys>({
    waiting: isDefault ? keys.waiting(service) : of('waiting'),
    inProgress: isDefault ? keys.inProgress(service) : of('in-progress'),
    incomplete: isDefault ? keys.incomplete(service) : of('incomplete'),
    high: of('high'),
    // A pattern may end like a key that Hydra scans for; the last word keeps it out of that.
    aside: (pattern) => of('aside', pattern, 'jobs'),
    patterns: of('patterns'),
    delayed: of('delayed'),
    state: of('state'),
    owners: of('owners'),
    leases: (owner) => of('leases', owner),
    fence: of('fence'),
    watch: of('watch'),
    paused: of('paused'),
    finished: of('finished'),
    results: of('results'),
    progress: of('progress'),
    ids: of('ids'),
    rates: of('rates'),
    schedules: of('schedules'),
    ticks: of('ticks'),
    watched: of('watched'),
    events: of('events'),
    wake: of('wake'),
  });
}
