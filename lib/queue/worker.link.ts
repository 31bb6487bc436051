import type { ResolvedOptions } from '../hydra.options.js';
import type { Keys } from '../protocol/keys.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { giveBack, leave, recover, report, writeState } from './lease.scripts.js';
import { createQueueKeys, type QueueKeys } from './queue.keys.js';
import { takeTokens } from './rate.scripts.js';
import { forgetOld } from './retention.scripts.js';
import { turn, type TurnReply } from './turn.scripts.js';

/** What becomes of one job that was held. */
export interface Outcome {
  readonly what: 'done' | 'retry' | 'dead' | 'back' | 'stray' | 'aside' | 'front';
  readonly fence: number;
  readonly detail: string;
  /** JSON, or '' when there is nothing to tell. */
  readonly event: string;
  /** It was sent before, and no answer came: the lease may be gone because it was heard. */
  isRepeated?: boolean;
}

/** A list to take jobs of one pattern from, and how many there is room for. */
export interface Aside {
  readonly list: string;
  readonly most: number;
}

const MOST_PUT_BACK = 10_000;
/** Jobs of patterns that nobody serves any more, moved by one script. */
const MOST_MOVED = 500;

/** Leases go back as often as a worker's life holds this many times. */
const RENEWALS = 6;
/** And no more rarely than this, however long it is: a worker that does not talk counts as stuck. */
const RENEW_MS = 1_000;

/** The words a worker has with Redis. Each rejects with a HydraError. */
export class WorkerLink {
  readonly keys: QueueKeys;
  private readonly leases: string;

  constructor(
    private readonly id: string,
    readonly queue: string,
    readonly redis: RedisConnections,
    keys: Keys,
    private readonly options: ResolvedOptions,
  ) {
    this.keys = createQueueKeys(keys, options.service, queue);
    this.leases = this.keys.leases(id);
  }

  get renewEveryMs(): number {
    return Math.min(RENEW_MS, Math.max(1, Math.round(this.options.presence.ttlMs / RENEWALS)));
  }

  turn(outcomes: readonly Outcome[], wanted: number, asides: readonly Aside[]): Promise<TurnReply> {
    const { keys } = this;
    const { completed, dead } = this.options.queue;
    const args: (string | number)[] = [
      keys.waiting,
      keys.inProgress,
      keys.high,
      keys.delayed,
      keys.owners,
      this.leases,
      keys.state,
      keys.fence,
      keys.paused,
      keys.incomplete,
      keys.finished,
      keys.results,
      keys.watched,
      keys.ticks,
      keys.progress,
      this.id,
      this.options.presence.ttlMs,
      wanted,
      keys.events,
      completed.count,
      dead.count,
      keys.wake,
      asides.length,
      ...asides.flatMap(({ list, most }) => [list, most]),
    ];
    for (const { what, fence, detail, event } of outcomes) args.push(what, fence, detail, event);
    return this.redis.run('queue turn', (redis) => turn.run(redis, args));
  }

  /** @param served the patterns this worker has handlers for */
  recover(
    served: readonly string[],
  ): Promise<readonly [returned: number, held: string[], patterns: string[]]> {
    const { owners, high, inProgress, state, watch, patterns, waiting, wake } = this.keys;
    const keys = [owners, high, inProgress, state, watch, this.leases, patterns, waiting];
    const { ttlMs } = this.options.presence;
    const args = [this.id, ttlMs, this.keys.leases(''), wake, ...this.asideNames, MOST_MOVED, ...served];
    return this.redis.run('queue recover', (redis) => recover.run(redis, [...keys, ...args]));
  }

  giveBack(fences: readonly string[]): Promise<number> {
    const { high, inProgress } = this.keys;
    return this.redis.run('queue give back', (redis) =>
      giveBack.run(redis, [high, inProgress, this.leases, ...fences]),
    );
  }

  takeTokens(pattern: string, max: number, perMs: number, wanted: number) {
    return this.redis.run('queue rate limit', (redis) =>
      takeTokens.run(redis, [this.keys.rates, pattern, max, perMs, wanted]),
    );
  }

  async writeState(fence: number, raw: string, state: string): Promise<boolean> {
    const args = [this.leases, this.keys.state, fence, raw, state];
    return (await this.redis.run('queue state', (redis) => writeState.run(redis, args))) === 1;
  }

  async report(fence: number, id: string, value: string, event: string): Promise<boolean> {
    const { progress, watched, events } = this.keys;
    const args = [this.leases, progress, watched, fence, id, value, events, event];
    return (await this.redis.run('queue progress', (redis) => report.run(redis, args))) === 1;
  }

  /** @param from index of the first dead letter to look at: 0, then what the call before gave */
  forgetOld(
    now: number,
    atMost: number,
    from: number,
  ): Promise<readonly [forgotten: number, nextFrom: number]> {
    const { completed, dead } = this.options.queue;
    const { finished, results, incomplete, ids } = this.keys;
    const oldestDead = new Date(Math.max(0, now - dead.ageMs)).toISOString();
    return this.redis.run('queue retention', (redis) =>
      forgetOld.run(redis, [
        finished,
        results,
        incomplete,
        ids,
        now - completed.ageMs,
        oldestDead,
        atMost,
        from,
      ]),
    );
  }

  /** Holding nothing, the worker need not be looked after. */
  async leave(): Promise<void> {
    const { owners, waiting, high, patterns } = this.keys;
    const args = [owners, waiting, high, patterns, this.leases, this.id, ...this.asideNames, MOST_PUT_BACK];
    await this.redis.run('queue leave', (redis) => leave.run(redis, args));
  }

  /** The name of a list set aside, before and after its pattern. */
  private get asideNames(): string[] {
    return this.keys.aside('\0').split('\0');
  }
}
