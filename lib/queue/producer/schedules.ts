import { checkJob, nonEmptyString } from '../../hydra-options.js';
import { createMessageId } from '../../registry/presence/instance-id.js';
import type { Context } from '../../redis/context.js';
import type { QueueKeys } from '../model/queue-keys.js';
import {
  jobOfTick,
  nextTick,
  noTick,
  readSchedule,
  writeSchedule,
  type RepeatOptions,
  type Schedule,
} from '../model/schedule.js';
import { ScheduleKeeper } from './schedule-keeper.js';
import { endSchedule, setSchedule } from '../scripts/schedule-scripts.js';

/** The repeating jobs of one queue: set, listed, ended. Workers add what is due. */
export class Schedules {
  private readonly keeper: ScheduleKeeper;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'options' | 'clock' | 'random' | 'log'>,
    private readonly keys: QueueKeys,
    private readonly service: string,
  ) {
    this.keeper = new ScheduleKeeper(context, keys);
  }

  /**
   * @throws HydraError `BAD_OPTION` for wrong settings, a wrong expression or zone, or one without a
   *   further tick; `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
   */
  async set(
    name: string,
    cron: string,
    pattern: string,
    data: unknown,
    { timeZone = 'UTC', ...settings }: Omit<RepeatOptions, 'queue'>,
  ): Promise<void> {
    nonEmptyString('name', name);
    checkJob(pattern, settings);
    const now = this.context.clock.now();
    nextTick(cron, timeZone, now);
    const schedule = { cron, timeZone, pattern, data, ...settings };
    // Before it is stored: what cannot be a job now cannot be one at its tick.
    jobOfTick(name, schedule, now, this.service, this.context.options.maxPayloadBytes);
    const definition = writeSchedule(schedule);
    const write = () => this.write(name, cron, timeZone, definition);
    this.keeper.keep(name, await write(), write);
  }

  /** Gives the mark of the data. */
  private write(name: string, cron: string, timeZone: string, definition: string): Promise<string> {
    const { schedules, ticks, wake } = this.keys;
    return this.context.redis.run('repeat', async (redis) => {
      const [seconds] = await redis.time();
      const next = nextTick(cron, timeZone, Number(seconds) * 1_000);
      if (next === undefined) throw noTick(cron, timeZone);
      const mark = createMessageId(this.context.random);
      return setSchedule.run(redis, [schedules, ticks, name, definition, next, wake, mark]);
    });
  }

  async list(): Promise<Schedule[]> {
    const stored = await this.context.redis.run('schedules', (redis) => redis.hgetall(this.keys.schedules));
    const names = Object.keys(stored);
    const ticks = await this.context.redis.run('schedules', (redis) =>
      Promise.all(names.map((name) => redis.zscore(this.keys.ticks, name))),
    );
    return names.flatMap((name, index) => {
      const schedule = readSchedule(stored[name]!);
      if (!schedule) return [];
      const { cron, timeZone, pattern, data } = schedule;
      const tick = ticks[index] ?? null;
      return [
        { name, cron, timeZone, pattern, data, nextAt: tick === null ? undefined : new Date(Number(tick)) },
      ];
    });
  }

  /** False when there is none of that name. */
  async end(name: string): Promise<boolean> {
    this.keeper.drop(name);
    const { schedules, ticks } = this.keys;
    const args = [schedules, ticks, nonEmptyString('name', name)];
    return (await this.context.redis.run('stop repeating', (redis) => endSchedule.run(redis, args))) > 0;
  }

  close(): void {
    this.keeper.close();
  }
}
