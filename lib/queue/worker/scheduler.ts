import type { Context } from '../../redis/context.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { placeOf, priorityOf } from '../model/priority.js';
import { notedDedup } from '../model/job-id.js';
import { idOfTick, jobOfTick, nextTick, readSchedule, type StoredSchedule } from '../model/schedule.js';
import { isUnavailable } from '../watching/job-waiters.js';
import { dueTicks, fireTick } from '../scripts/schedule-scripts.js';

/** How often it is looked whether a job has ended that the next tick waits for, in milliseconds. */
const HOLD_MS = 500;
/** A tick just before the end of a repeating job may be seen so much after it, in milliseconds: workers look each second. */
const LATE_MS = 2_000;
/** After how long one is looked at again that could not be added, in milliseconds: another version may have stored it. */
const PUT_OFF_MS = 60_000;

/** Adds the repeating jobs of one queue when their ticks come. Every worker does; each tick counts once. */
export class Scheduler {
  private isRunning = false;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'options' | 'log'>,
    private readonly keys: QueueKeys,
  ) {}

  /** Told with each look at the queue how long it is until something falls due; 0 may be a tick. */
  expect(nextDueMs: number): void {
    if (nextDueMs === 0) void this.run();
  }

  /** Adds what is due; called now and then also while the worker has no room for jobs. Never rejects. */
  async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    try {
      const { schedules, ticks, ticked, ids } = this.keys;
      const [now = '0', ...due] = await this.context.redis.run('repeating jobs', (redis) =>
        dueTicks.run(redis, [schedules, ticks, ticked, ids]),
      );
      for (let i = 0; i < due.length; i += 5) {
        const [name = '', tick = '', definition = '', added, isOpen] = due.slice(i, i + 5);
        const state = { added: Number(added), isOpen: isOpen === '1' };
        await this.fireAlone({ name, tick, definition, now: Number(now), ...state });
      }
    } catch (error) {
      this.context.log.warn(`schedule ${this.keys.ticks}`, `repeating jobs: ${String(error)}`);
    } finally {
      this.isRunning = false;
    }
  }

  /** What is wrong with one of them keeps none of the others from its tick: that one is looked at again later. */
  private async fireAlone(due: DueTick): Promise<void> {
    try {
      await this.fire(due);
    } catch (error) {
      if (isUnavailable(error)) throw error;
      const seconds = PUT_OFF_MS / 1_000;
      this.context.log.warn(
        `schedule ${this.keys.ticks} ${due.name}`,
        `repeating job "${due.name}" cannot be added, and is looked at again in ${seconds} s: ${String(error)}`,
      );
      await this.spend(due, { next: due.now + PUT_OFF_MS });
    }
  }

  /** Ticks that passed while no worker was there are made up for by one job, not by all of them. */
  private async fire(due: DueTick): Promise<void> {
    const { name, tick, definition, now, added, isOpen } = due;
    const schedule = readSchedule(definition);
    const { overlap, endAt = Infinity } = schedule ?? {};
    const isHeld = isOpen && overlap === 'queue' && now < endAt;
    const isPast = now > endAt + LATE_MS;
    const isSkipped = schedule === undefined || (isOpen && overlap !== undefined) || isPast;
    const count = added + Number(!isSkipped);
    const isOver = schedule?.count !== undefined && count >= schedule.count;
    const following = isOver ? undefined : this.after(name, schedule, Math.max(Number(tick), now));
    const next = isHeld ? Math.min(now + HOLD_MS, endAt) : following;
    if (isSkipped) return this.spend(due, { next, count, isOver });
    const { pattern, priority } = schedule;
    const { list, rank } = placeOf(this.keys, pattern, priorityOf(priority));
    const job = jobOfTick(name, schedule, Number(tick), this.context.options.service, Infinity);
    const id = overlap === undefined ? '' : idOfTick(name, Number(tick));
    return this.spend(due, { next, count, isOver, added: { list, rank, job, id, pattern } });
  }

  private async spend(
    due: DueTick,
    { next, count = due.added, isOver = false, added }: Spent,
  ): Promise<void> {
    const { schedules, ticks, ticked, ids, ranked, patterns, idle, hints, waiting } = this.keys;
    const { list = waiting, rank = '', job = '', id = '', pattern = '' } = added ?? {};
    const names = [schedules, ticks, list, ticked, ids, ranked, patterns, idle, hints];
    const { dedupMs } = this.context.options.queue;
    const given = [
      due.name,
      due.tick,
      due.definition,
      next ?? '',
      job,
      id,
      notedDedup(dedupMs),
      count,
      isOver ? '1' : '',
    ];
    const args = [...names, ...given, rank, pattern, this.keys.wakeOf('')];
    await this.context.redis.run('repeating jobs', (redis) => fireTick.run(redis, args));
  }

  private after(name: string, schedule: StoredSchedule | undefined, instant: number): number | undefined {
    try {
      return schedule && nextTick(schedule, instant);
    } catch (error) {
      // Another version of the library accepted it; this one cannot continue with it.
      this.context.log.warn(`schedule ${this.keys.ticks}`, `repeating job "${name}" ends: ${String(error)}`);
      return undefined;
    }
  }
}

/** A repeating job whose tick has come. */
interface DueTick {
  readonly name: string;
  readonly tick: string;
  readonly definition: string;
  /** Unix time in milliseconds, by the clock of Redis. */
  readonly now: number;
  /** Jobs that it has added. */
  readonly added: number;
  /** The last of them has not ended. */
  readonly isOpen: boolean;
}

/** What becomes of a tick. */
interface Spent {
  /** The next one; undefined where there is none. */
  readonly next: number | undefined;
  /** Jobs added, with this one. */
  readonly count?: number;
  /** It has added all that it is to add. */
  readonly isOver?: boolean;
  /** Left out: none is added. */
  readonly added?: {
    readonly list: string;
    readonly rank: string;
    readonly job: string;
    /** '' where nobody asks whether it has ended. */
    readonly id: string;
    readonly pattern: string;
  };
}
