import type { Keys } from '../../protocol/keys.js';

/** The queue every service has, laid out as Hydra 1.9 does. */
export const DEFAULT_QUEUE = 'default';

/** The keys and channels of one queue. All share the slot of their service. */
export interface QueueKeys {
  /** LIST of jobs as text, the newest at its head. That of the default queue is Hydra's. */
  readonly waiting: string;
  /** LIST: what Hydra 1.x workers have taken. Jobs that run here are in `leases` alone. */
  readonly inProgress: string;
  /** LIST: dead letters; here the newest is at the tail, as Hydra has it. */
  readonly incomplete: string;
  /** LIST: jobs of high priority. */
  readonly high: string;
  /** ZSET `<priority>:<pattern>` → minus the priority: those of which there are jobs in the lists of `ofPriority`. */
  readonly ranked: string;
  /** LIST: the jobs of a pattern with a priority between the lowest and the highest. */
  ofPriority(pattern: string, priority: number): string;
  /** ZSET job → fence: jobs that were taken and came back, in the order in which they were taken. */
  readonly returned: string;
  /** LIST: jobs of one pattern that came to the front of the line when no worker had room for them. */
  asideFirst(pattern: string): string;
  /** LIST: the same of those that came from the waiting list, or to a worker without a handler. */
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
  /** HASH `<fence>-<count>` → job: what one worker holds. The count is the worker's own, of its exchanges, which no crash takes back. */
  leases(owner: string): string;
  /** LIST: a job that woke a worker, on its way to it. */
  inbox(owner: string): string;
  /** HASH worker → the patterns it has room for, each between line feeds: those who wait for something to do. */
  readonly idle: string;
  /** STRING `<instant> <worker>`: who looks when the next thing falls due. */
  readonly alarm: string;
  /** STRING: the last fence given out. */
  readonly fence: string;
  /** STRING `<since> <last>`: the period over which somebody has looked for dead workers without a pause. */
  readonly watch: string;
  /** STRING with a life of seconds: a worker of a named queue holds jobs, or may have died with some. */
  readonly busy: string;
  /** STRING with a life of a minute: somebody has looked for what is remembered of jobs that are gone. */
  readonly swept: string;
  /** STRING, there while the queue is paused. */
  readonly paused: string;
  /** ZSET id → when it ended (Redis clock, ms): completed jobs, and dead ones. */
  readonly finished: string;
  readonly died: string;
  /** HASH id → JSON: what they came to. */
  readonly results: string;
  /** HASH id → JSON: the last progress of jobs that run. */
  readonly progress: string;
  /** LIST with a life: what the handler of a job wrote with `log`, the newest at its tail. */
  log(id: string): string;
  /** ZSET id → the instant until which it is taken; while its job exists, minus the instant at which that was added. */
  readonly ids: string;
  /** HASH id → `<added> <due>` in Unix ms, and ` <ms>` where its id is taken for another time than usual: of delayed jobs, and of those ids. */
  readonly hints: string;
  /** HASH id → `<delay in ms> <job>`: what was added last under an id whose job is there, where the last one counts. */
  readonly latest: string;
  /** HASH pattern → `<tokens> <instant>`: what is left of its rate limit. */
  readonly rates: string;
  /** HASH pattern → the instant until which none of its jobs starts (Redis clock, ms). */
  readonly limited: string;
  /** HASH name → JSON, and ZSET name → its next instant: repeating jobs. */
  readonly schedules: string;
  readonly ticks: string;
  /** HASH name → `<jobs added> <last tick>`: what became of the repeating jobs so far. */
  readonly ticked: string;
  /** STRING with a life of seconds: somebody listens to `events`. */
  readonly watched: string;
  /** STREAM with a life: what happens to jobs, while somebody has it kept. */
  readonly history: string;
  /** Channel of what happens to jobs. */
  readonly events: string;
  /** Channel that tells all workers to look again, and that of one. */
  readonly wake: string;
  wakeOf(owner: string): string;
}

export function createQueueKeys(keys: Keys, service: string, queue = DEFAULT_QUEUE): QueueKeys {
  const of = (...parts: readonly string[]) => keys.own(service, 'queue', queue, ...parts);
  const isDefault = queue === DEFAULT_QUEUE;
  return Object.freeze<QueueKeys>({
    waiting: isDefault ? keys.waiting(service) : of('waiting'),
    inProgress: isDefault ? keys.inProgress(service) : of('in-progress'),
    incomplete: isDefault ? keys.incomplete(service) : of('incomplete'),
    high: of('high'),
    ranked: of('ranked'),
    ofPriority: (pattern, priority) => of('aside', pattern, `rank${priority}`),
    returned: of('returned'),
    // A pattern may end like a key that Hydra scans for; the last word keeps it out of that.
    asideFirst: (pattern) => of('aside', pattern, 'first'),
    aside: (pattern) => of('aside', pattern, 'jobs'),
    patterns: of('patterns'),
    delayed: of('delayed'),
    state: of('state'),
    owners: of('owners'),
    leases: (owner) => of('leases', owner),
    inbox: (owner) => of('inbox', owner),
    idle: of('idle'),
    alarm: of('alarm'),
    fence: of('fence'),
    watch: of('watch'),
    busy: of('busy'),
    swept: of('swept'),
    paused: of('paused'),
    finished: of('finished'),
    died: of('died'),
    results: of('results'),
    progress: of('progress'),
    // An id may end like a key that Hydra scans for, as a pattern may.
    log: (id) => of('log', id, 'lines'),
    ids: of('ids'),
    hints: of('hints'),
    latest: of('latest'),
    rates: of('rates'),
    limited: of('limited'),
    schedules: of('schedules'),
    ticks: of('ticks'),
    ticked: of('ticked'),
    watched: of('watched'),
    history: of('history'),
    events: of('events'),
    wake: of('wake'),
    wakeOf: (owner) => of('wake', owner),
  });
}

/**
 * Whether workers have to watch the waiting list: Hydra 1.x programs add to that of the default queue, and tell nobody. Into
 * another one only this library adds, which wakes a worker with it.
 */
export function isHydras({ waiting, high }: QueueKeys): boolean {
  return !waiting.startsWith(high.slice(0, -'high'.length));
}

/** Where something may be remembered of a job by its id. */
export function rememberedIn(keys: QueueKeys, id: string): readonly string[] {
  const { ids, progress, results, finished, died, hints, latest } = keys;
  return [ids, progress, results, finished, died, hints, latest, keys.log(id)];
}

/** Behind the pattern in the name of `ofPriority`, before the priority. */
export const RANK_SUFFIX = ':rank';

/** The name of a list set aside: before its pattern, after it, and after it in that of the list that goes first. */
export function asideNames(keys: QueueKeys): [before: string, after: string, afterFirst: string] {
  const [before = '', after = ''] = keys.aside('\0').split('\0');
  return [before, after, keys.asideFirst('\0').slice(before.length + 1)];
}
