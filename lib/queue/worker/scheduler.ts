import type { Context } from '../../redis/context.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { placeOf, priorityOf } from '../model/priority.js';
import { idOfTick, jobOfTick, nextTick, readSchedule, type StoredSchedule } from '../model/schedule.js';
import { dueTicks, fireTick } from '../scripts/schedule-scripts.js';

/** How often it is looked whether a job has ended that the next tick waits for, in milliseconds. */
const HOLD_MS = 500;

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
        await this.fire({ name, tick, definition, now: Number(now), ...state });
      }
    } catch (error) {
      this.context.log.warn(`schedule ${this.keys.ticks}`, `repeating jobs: ${String(error)}`);
    } finally {
      this.isRunning = false;
    }
  }

  /** Ticks that passed while no worker was there are made up for by one job, not by all of them. */
  private async fire({ name, tick, definition, now, added, isOpen }: DueTick): Promise<void> {
    const schedule = readSchedule(definition);
    const isHeld = isOpen && schedule?.overlap === 'queue';
    const isSkipped = schedule === undefined || (isOpen && schedule.overlap !== undefined);
    const count = added + Number(!isSkipped);
    const isOver = schedule?.count !== undefined && count >= schedule.count;
    const following = isOver ? undefined : this.after(name, schedule, Math.max(Number(tick), now));
    const next = isHeld ? now + HOLD_MS : following;
    const { schedules, ticks, ticked, ids, ranked, patterns, idle } = this.keys;
    const { service, queue } = this.context.options;
    const pattern = schedule?.pattern ?? '';
    const { list, rank } = placeOf(this.keys, pattern, priorityOf(schedule?.priority));
    const names = [schedules, ticks, list, ticked, ids, ranked, patterns, idle];
    const job = isSkipped ? '' : jobOfTick(name, schedule, Number(tick), service, Infinity);
    const id = schedule?.overlap === undefined ? '' : idOfTick(name, Number(tick));
    const given = [name, tick, definition, next ?? '', job, id, queue.dedupMs, count, isOver ? '1' : ''];
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
