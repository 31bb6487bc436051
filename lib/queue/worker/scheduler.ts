import type { Context } from '../../redis/context.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { jobOfTick, nextTick, readSchedule } from '../model/schedule.js';
import { dueTicks, fireTick } from '../scripts/schedule-scripts.js';

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
      const { schedules, ticks } = this.keys;
      const [now = '0', ...due] = await this.context.redis.run('repeating jobs', (redis) =>
        dueTicks.run(redis, [schedules, ticks]),
      );
      for (let i = 0; i < due.length; i += 3) await this.fire(due[i]!, due[i + 1]!, due[i + 2]!, Number(now));
    } catch (error) {
      this.context.log.warn(`schedule ${this.keys.ticks}`, `repeating jobs: ${String(error)}`);
    } finally {
      this.isRunning = false;
    }
  }

  /** Ticks that passed while no worker was there are made up for by one job, not by all of them. */
  private async fire(name: string, tick: string, definition: string, now: number): Promise<void> {
    const { schedules, ticks, waiting } = this.keys;
    const next = this.after(name, definition, Math.max(Number(tick), now));
    const schedule = readSchedule(definition);
    const job = schedule
      ? jobOfTick(name, schedule, Number(tick), this.context.options.service, Infinity)
      : '';
    await this.context.redis.run('repeating jobs', (redis) =>
      fireTick.run(redis, [schedules, ticks, waiting, name, tick, definition, next ?? '', job]),
    );
  }

  private after(name: string, definition: string, instant: number): number | undefined {
    const schedule = readSchedule(definition);
    try {
      return schedule && nextTick(schedule.cron, schedule.timeZone, instant);
    } catch (error) {
      // Another version of the library accepted it; this one cannot continue with it.
      this.context.log.warn(`schedule ${this.keys.ticks}`, `repeating job "${name}" ends: ${String(error)}`);
      return undefined;
    }
  }
}
