import type { ResolvedOptions } from '../../hydra-options.js';
import type { Clock } from '../../runtime/clock.js';
import type { Context } from '../../redis/context.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import type { HeldJob } from './held-job.js';
import type { UnsentOutcome } from './held-jobs.js';
import type { PatternSlots } from './pattern-slots.js';
import { giveBack, leave, recover, writeState, type RecoverReply } from '../scripts/lease-scripts.js';
import { addLog, keepStep, report } from '../scripts/note-scripts.js';
import { MAX_LINES } from '../model/job-log.js';
import { asideNames, createQueueKeys, isHydras, type QueueKeys } from '../model/queue-keys.js';
import { readEnd } from '../model/job-event.js';
import { RedisClock } from '../model/redis-clock.js';
import { Retention } from '../model/retention.js';
import { exchange, type ExchangeReply } from '../scripts/exchange-scripts.js';
import { encodeOutcome, type LeaseOutcome } from '../scripts/lease-outcome.js';

/** What one exchange asks of Redis. */
export interface ExchangeRequest {
  /** The worker's count of exchanges. */
  readonly count: number;
  readonly outcomes: readonly LeaseOutcome[];
  /** Jobs to take at most. */
  readonly wanted: number;
  /** How many leases Redis should have for the worker before it. */
  readonly leases: number;
  /** The patterns that jobs are taken of, and those whose rate limit a job that is given back concerns. */
  readonly slots: readonly PatternSlots<HeldJob>[];
  readonly isIdle: boolean;
}

/** Jobs moved by one script: Redis does nothing else meanwhile. */
const MAX_MOVED = 100;
/** The same of jobs whose loss is noted down with each. */
const MAX_RECOVERED = 100;
const NO_LIMIT = { max: 0, perMs: 0 };

/** Leases go back as often as a worker's life holds this many times. */
const RENEWALS = 6;
/** And no more rarely than this, however long it is: a worker that does not talk counts as stuck. */
const RENEW_MS = 1_000;

/** What a worker uses of its instance. */
export type WorkerContext = Pick<
  Context,
  'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'log' | 'metrics'
>;

/** The words a worker has with Redis. Each rejects with a HydraError. */
export class WorkerLink {
  readonly id: string;
  readonly redis: RedisConnections;
  readonly keys: QueueKeys;
  private readonly options: ResolvedOptions;
  private readonly clock: Clock;
  readonly redisClock: RedisClock;
  readonly retention: Retention;
  /** When an exchange last asked for jobs, Unix ms by the clock of Redis: it saw all that was due until then. */
  exchangedAt = 0;
  private readonly leases: string;

  constructor(
    context: Pick<WorkerContext, 'id' | 'redis' | 'keys' | 'options' | 'clock'>,
    readonly queue: string,
  ) {
    const { id, redis, keys, options, clock } = context;
    this.id = id;
    this.redis = redis;
    this.options = options;
    this.clock = clock;
    this.redisClock = new RedisClock(clock);
    this.keys = createQueueKeys(keys, options.service, queue);
    this.leases = this.keys.leases(id);
    this.retention = new Retention(context, this.keys, this.redisClock);
  }

  /** Whether a worker with nothing to do need not look: it is woken by whoever adds a job. */
  get mayRest(): boolean {
    return !isHydras(this.keys);
  }

  /** Where one of these is, there is something to do, or somebody to look after. */
  get restKeys(): readonly string[] {
    const { waiting, high, returned, ranked, busy } = this.keys;
    return [waiting, high, returned, ranked, busy];
  }

  /** What falls due: a score is Unix time in milliseconds. */
  get dueKeys(): readonly string[] {
    return [this.keys.delayed, this.keys.ticks];
  }

  /** The worker counts as alive for so long, and its patterns as served: while it rests it says so rarely. */
  async rest(served: readonly string[], ms: number): Promise<void> {
    const { owners, patterns } = this.keys;
    const until = this.redisClock.now() + ms;
    await this.redis.run('queue rest', (redis) =>
      Promise.all([
        redis.zadd(owners, until, this.id),
        redis.zadd(patterns, ...served.flatMap((pattern) => [until, pattern])),
      ]),
    );
  }

  get renewEveryMs(): number {
    return Math.min(RENEW_MS, Math.max(1, Math.round(this.options.presence.ttlMs / RENEWALS)));
  }

  async exchange(asked: ExchangeRequest): Promise<ExchangeReply> {
    const { keys } = this;
    const { outcomes, wanted, slots } = asked;
    const { completed, dead } = this.options.queue;
    const args: (string | number)[] = [
      this.leases,
      keys.waiting,
      keys.high,
      keys.delayed,
      keys.owners,
      keys.paused,
      keys.state,
      keys.fence,
      keys.idle,
      keys.incomplete,
      keys.finished,
      keys.results,
      keys.watched,
      keys.progress,
      keys.ids,
      keys.returned,
      keys.inbox(this.id),
      keys.patterns,
      keys.rates,
      keys.ticks,
      keys.alarm,
      keys.died,
      keys.limited,
      keys.ranked,
      keys.hints,
      keys.busy,
      keys.latest,
      keys.history,
      this.id,
      this.options.presence.ttlMs,
      wanted,
      asked.count,
      asked.leases,
      completed.count,
      dead.count,
      keys.events,
      keys.wake,
      keys.wakeOf(''),
      ...this.asideNames,
      asked.isIdle ? '1' : '',
      completed.ageMs,
      dead.ageMs,
      this.mayRest ? '1' : '',
      slots.length,
    ];
    for (const { pattern, room, options } of slots) {
      const { max, perMs } = options.rateLimit ?? NO_LIMIT;
      args.push(pattern, room, max, perMs);
    }
    for (const outcome of outcomes) args.push(...encodeOutcome(outcome));
    const askedAt = this.clock.monotonic();
    const reply = await this.redis.run('queue exchange', (redis) => exchange.run(redis, args));
    this.redisClock.set(reply[6], askedAt);
    if (wanted > 0) this.exchangedAt = reply[6];
    return reply;
  }

  /** @param served the patterns this worker has handlers for */
  async recover(served: readonly string[]): Promise<RecoverReply> {
    const { owners, high, returned, state, watch, patterns, waiting, idle, wake, watched, events } =
      this.keys;
    const { ranked, busy, history } = this.keys;
    const places = [this.leases, owners, high, returned, state, watch, patterns, waiting, idle, watched];
    const keys = [...places, ranked, busy, history];
    const { presence, queue } = this.options;
    const prefixes = [this.keys.leases(''), this.keys.inbox(''), wake, this.keys.wakeOf('')];
    const args = [
      this.id,
      presence.ttlMs,
      ...prefixes,
      ...this.asideNames,
      queue.blockedMs,
      queue.noHandlerMs,
      MAX_RECOVERED,
      events,
      this.mayRest ? '1' : '',
      ...served,
    ];
    const askedAt = this.clock.monotonic();
    const reply = await this.redis.run('queue recover', (redis) => recover.run(redis, [...keys, ...args]));
    this.redisClock.set(reply[3], askedAt);
    return reply;
  }

  /** How many of these outcomes came too late, and not because their jobs were cancelled. */
  async lateAmong(outcomes: readonly UnsentOutcome[]): Promise<number> {
    if (outcomes.length === 0) return 0;
    const reasons = await this.cancellations(outcomes.map(({ id }) => id));
    return reasons.filter((reason) => reason === undefined).length;
  }

  /** Why these jobs were cancelled; undefined for those that were not. */
  async cancellations(ids: readonly string[]): Promise<(string | undefined)[]> {
    const texts = await this.redis.run('queue cancellations', (redis) =>
      redis.hmget(this.keys.results, ...ids),
    );
    return texts.map((text) => {
      const end = readEnd(text);
      return end?.type === 'cancelled' ? end.reason : undefined;
    });
  }

  giveBack(leases: readonly string[]): Promise<number> {
    const { high, returned } = this.keys;
    return this.redis.run('queue give back', (redis) =>
      giveBack.run(redis, [this.leases, high, returned, ...leases]),
    );
  }

  async writeState(lease: string, raw: string, state: string): Promise<boolean> {
    const args = [this.leases, this.keys.state, lease, raw, state];
    return (await this.redis.run('queue state', (redis) => writeState.run(redis, args))) === 1;
  }

  async report(lease: string, id: string, value: string, event: string): Promise<boolean> {
    const { progress, watched, history, events } = this.keys;
    const args = [this.leases, progress, watched, history, lease, id, value, events, event];
    return (await this.redis.run('queue progress', (redis) => report.run(redis, args))) === 1;
  }

  /** False where the worker does not hold the job any more. */
  async log(
    { lease, id }: { readonly lease: string; readonly id: string },
    line: string,
    head: string,
  ): Promise<boolean> {
    const args = [this.leases, this.keys.log(id), lease, line, MAX_LINES, this.options.queue.dead.ageMs];
    const run = () => this.redis.run('queue log', (redis) => addLog.run(redis, [...args, head]));
    return (await run()) === 1;
  }

  /** The job has completed: of it no more is kept than its outcome. */
  shortenLog(id: string): Promise<number> {
    const { ageMs } = this.options.queue.completed;
    return this.redis.run('queue log', (redis) => redis.pexpire(this.keys.log(id), ageMs));
  }

  async holds(lease: string): Promise<boolean> {
    return (await this.redis.run('queue step', (redis) => redis.hexists(this.leases, lease))) === 1;
  }

  /** False where the worker does not hold the job any more. */
  async keepStep(lease: string, raw: string, name: string, result: string): Promise<boolean> {
    const args = [this.leases, this.keys.state, lease, raw, name, result];
    return (await this.redis.run('queue step', (redis) => keepStep.run(redis, args))) === 1;
  }

  /** Holding nothing, the worker need not be looked after. */
  async leave(): Promise<void> {
    const { owners, waiting, high, returned, patterns, idle } = this.keys;
    const inbox = this.keys.inbox(this.id);
    const keys = [this.leases, owners, waiting, high, returned, patterns, inbox, idle];
    const args = [...keys, this.id, ...this.asideNames, MAX_MOVED];
    const put = () => this.redis.run('queue leave', (redis) => leave.run(redis, args));
    while ((await put()) === MAX_MOVED);
  }

  /** The name of a list set aside: before its pattern, after it, and after it in that of the list that goes first. */
  private get asideNames(): [before: string, after: string, afterFirst: string] {
    return asideNames(this.keys);
  }
}
