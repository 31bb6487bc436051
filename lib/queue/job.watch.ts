import { Observable, Subject } from 'rxjs';

import { HydraError } from '../hydra.error.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { readCompleted, readEvents, type JobEvent } from './job.event.js';
import type { QueueKeys } from './queue.keys.js';

/** How long workers go on telling after the last listener said that it is there. */
const WATCHED_MS = 10_000;
const RENEW_MS = 3_000;
/** Pub/sub may lose a word: what is waited for is also looked up. */
const LOOK_MS = 2_000;

/** Hears what happens to the jobs of one queue, while somebody listens. */
export class JobWatch {
  private readonly events = new Subject<JobEvent>();
  private readonly waiting = new Map<string, Set<(event: JobEvent) => void>>();
  private opening: Promise<void> | undefined;
  private renewal: NodeJS.Timeout | undefined;
  private listeners = 0;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    private readonly findReason: (id: string) => Promise<string | undefined>,
  ) {}

  /** What happens from the subscription on; it never completes, and errors only when Redis cannot be reached at first. */
  events$(): Observable<JobEvent> {
    return new Observable((subscriber) => {
      const subscription = this.events.subscribe(subscriber);
      this.enter().catch((error: unknown) => subscriber.error(error));
      return () => {
        subscription.unsubscribe();
        this.leave();
      };
    });
  }

  /**
   * Resolves with the return of the job's handler.
   *
   * @throws HydraError `DEAD_LETTER` with the reason; `TIMEOUT`
   */
  async result(id: string, timeoutMs: number): Promise<unknown> {
    const deadlineAt = performance.now() + timeoutMs;
    const heard = this.hear(id);
    try {
      await this.enter();
      // It may be over already.
      for (let looks = 0; ; looks++) {
        const known = (await this.lookUp(id, looks > 0)) ?? (await heard.within(deadlineAt));
        if (known) return outcomeOf(known);
        if (performance.now() >= deadlineAt) throw late(id, timeoutMs);
      }
    } finally {
      heard.stop();
      this.leave();
    }
  }

  close(): void {
    this.listeners = 0;
    this.stop();
    this.events.complete();
  }

  private async lookUp(id: string, alsoDead: boolean): Promise<JobEvent | undefined> {
    const text = await this.redis.run('job result', (redis) => redis.hget(this.keys.results, id));
    if (text !== null) return readCompleted(text);
    const error = alsoDead ? await this.findReason(id) : undefined;
    return error === undefined ? undefined : { type: 'dead', id, pattern: '', attempt: 0, error };
  }

  /** Waits for the end of a job, from now on, in steps after which it is to be looked up. */
  private hear(id: string) {
    let ended: JobEvent | undefined;
    let wake: (() => void) | undefined;
    const hear = (event: JobEvent) => {
      ended = event;
      wake?.();
    };
    const others = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, others.add(hear));
    const within = async (deadlineAt: number) => {
      const ms = Math.max(0, Math.min(LOOK_MS, deadlineAt - performance.now()));
      if (!ended) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return ended;
    };
    const stop = () => {
      others.delete(hear);
      if (others.size === 0) this.waiting.delete(id);
    };
    return { within, stop };
  }

  private enter(): Promise<void> {
    this.listeners++;
    this.opening ??= this.open();
    return this.opening;
  }

  private async open(): Promise<void> {
    try {
      this.redis.subscriber.on('message', this.onMessage);
      await this.redis.connect();
      await this.redis.subscribe(this.keys.events);
      await this.renew();
      this.renewal = setInterval(() => void this.renew().catch(() => undefined), RENEW_MS);
      this.renewal.unref();
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  private async renew(): Promise<void> {
    await this.redis.run('watch jobs', (redis) => redis.set(this.keys.watched, '1', 'PX', WATCHED_MS));
  }

  private leave(): void {
    if (this.listeners > 0 && --this.listeners === 0) this.stop();
  }

  private stop(): void {
    this.opening = undefined;
    clearInterval(this.renewal);
    this.redis.subscriber.off('message', this.onMessage);
    void this.redis.unsubscribe(this.keys.events);
  }

  private readonly onMessage = (channel: string, text: string): void => {
    if (channel !== this.keys.events) return;
    for (const event of readEvents(text)) {
      this.events.next(event);
      if (event.type === 'completed' || event.type === 'dead') {
        for (const hear of this.waiting.get(event.id) ?? []) hear(event);
      }
    }
  };
}

function outcomeOf(event: JobEvent): unknown {
  if (event.type === 'completed') return event.result;
  throw new HydraError('DEAD_LETTER', `job ${event.id}: ${event.type === 'dead' ? event.error : ''}`);
}

function late(id: string, timeoutMs: number): HydraError {
  return new HydraError('TIMEOUT', `job ${id} has not completed within timeoutMs=${timeoutMs}`);
}
