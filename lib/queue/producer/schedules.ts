import { badOption, checkJob, integer, nonEmptyString, refuseUnknown } from '../../hydra-options.js';
import { createMessageId } from '../../registry/presence/instance-id.js';
import type { Context } from '../../redis/context.js';
import type { RedisClient } from '../../redis/redis-connections.js';
import { priorityOf } from '../model/priority.js';
import type { QueueKeys } from '../model/queue-keys.js';
import {
  jobOfTick,
  nextTick,
  noTick,
  readSchedule,
  ticksFrom,
  writeSchedule,
  type RepeatEvery,
  type RepeatOptions,
  type Schedule,
  type StoredSchedule,
  type TickRule,
} from '../model/schedule.js';
import { ScheduleKeeper } from './schedule-keeper.js';
import { endSchedule, setSchedule } from '../scripts/schedule-scripts.js';

/** So much later than before its tick is looked for each time that it has passed before it was set, in milliseconds. */
const MARGIN_MS = 10;

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
    when: string | RepeatEvery,
    { pattern, data }: { readonly pattern: string; readonly data: unknown },
    { timeZone = 'UTC', startAt, endAt, ...settings }: Omit<RepeatOptions, 'queue'>,
  ): Promise<void> {
    nonEmptyString('name', name);
    checkJob(pattern, settings);
    const rule = {
      ...ruleOf(when),
      timeZone,
      startAt: instant('startAt', startAt),
      endAt: instant('endAt', endAt),
    };
    checkRepeat(settings);
    const now = this.context.clock.now();
    nextTick(rule, now);
    const schedule = { ...rule, pattern, data, ...settings };
    // Before it is stored: what cannot be a job now cannot be one at its tick.
    jobOfTick(name, schedule, now, this.service, this.context.options.maxPayloadBytes);
    const write = () => this.write(name, schedule);
    const mark = await write();
    if (mark !== undefined) this.keeper.keep(name, mark, write);
  }

  /** Gives the mark of the data; undefined where its end has passed. */
  private async write(name: string, schedule: StoredSchedule): Promise<string | undefined> {
    return this.context.redis.run('repeat', async (redis) => {
      const [seconds, micros] = await redis.time();
      let after = Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
      for (let tries = 0; ; tries++) {
        const set = await this.writeAfter(redis, name, schedule, after + tries * MARGIN_MS);
        if (typeof set !== 'number') return set;
        // Its tick has passed meanwhile, and may have had its job.
        after = set;
      }
    });
  }

  /** Its next tick is one after an instant, which gives a later instant where that is too late. */
  private async writeAfter(
    redis: RedisClient,
    name: string,
    schedule: StoredSchedule,
    after: number,
  ): Promise<string | number | undefined> {
    const { schedules, ticks, ticked, wake } = this.keys;
    const { count, atOnce, startAt = 0 } = schedule;
    const next = nextTick(schedule, after);
    if (next === undefined && !hasEnded(schedule, after)) throw noTick(schedule);
    if (next === undefined) {
      await endSchedule.run(redis, [schedules, ticks, ticked, name]);
      return undefined;
    }
    const mark = createMessageId(this.context.random);
    const isFirstNow = atOnce && startAt <= after ? '1' : '';
    const args = [name, writeSchedule(schedule), next, wake, mark, isFirstNow, count ?? '', startAt];
    return setSchedule.run(redis, [schedules, ticks, ticked, ...args]);
  }

  /** @param most how many of the next ticks of each */
  async list(most: number): Promise<Schedule[]> {
    const stored = await this.context.redis.run('schedules', (redis) => redis.hgetall(this.keys.schedules));
    const names = Object.keys(stored);
    const [ticks, ticked] = await this.context.redis.run('schedules', (redis) =>
      Promise.all([
        Promise.all(names.map((name) => redis.zscore(this.keys.ticks, name))),
        redis.hgetall(this.keys.ticked),
      ]),
    );
    return names.flatMap((name, index) => {
      const schedule = readSchedule(stored[name]!);
      if (!schedule) return [];
      const { cron, everyMs, timeZone, pattern, data, count = Infinity } = schedule;
      const added = parseInt(ticked[name] ?? '0');
      const tick = ticks[index] ?? null;
      const nextAt = tick === null ? undefined : new Date(Number(tick));
      const left = Math.min(most, count - added);
      const told = nextAt === undefined ? [] : ticksFrom(schedule, nextAt.getTime(), left);
      const when = { cron, everyMs, timeZone, nextAt, ticks: told.map((at) => new Date(at)) };
      return [{ name, pattern, data, added, ...when }];
    });
  }

  /** False when there is none of that name. */
  async end(name: string): Promise<boolean> {
    this.keeper.drop(name);
    const { schedules, ticks, ticked } = this.keys;
    const args = [schedules, ticks, ticked, nonEmptyString('name', name)];
    return (await this.context.redis.run('stop repeating', (redis) => endSchedule.run(redis, args))) > 0;
  }

  /** Redis has none of them any more, because somebody wished so. */
  forget(): void {
    this.keeper.dropAll();
  }

  close(): void {
    this.keeper.close();
  }
}

/** @throws HydraError `BAD_OPTION` */
function ruleOf(when: string | RepeatEvery): Pick<TickRule, 'cron' | 'everyMs'> {
  if (typeof when === 'string') return { cron: when };
  refuseUnknown('repeat', when, { everyMs: true });
  return { everyMs: integer('everyMs', when.everyMs, 1, LONGEST_MS) };
}

/** A hundred years. */
const LONGEST_MS = 3_155_760_000_000;

/** @throws HydraError `BAD_OPTION` */
function instant(option: string, date: unknown): number | undefined {
  if (date === undefined) return undefined;
  if (date instanceof Date && !Number.isNaN(date.getTime())) return date.getTime();
  throw badOption(option, date, 'a valid Date');
}

/** @throws HydraError `BAD_OPTION` */
function checkRepeat({ count, atOnce, overlap, priority }: RepeatOptions): void {
  if (count !== undefined) integer('count', count, 1);
  if (atOnce !== undefined && typeof atOnce !== 'boolean') throw badOption('atOnce', atOnce, 'true or false');
  if (overlap !== undefined && overlap !== 'skip' && overlap !== 'queue')
    throw badOption('overlap', overlap, '"skip" or "queue"');
  priorityOf(priority);
}

/** It has an end, and that is why there is no further tick. */
function hasEnded(rule: TickRule, now: number): boolean {
  return rule.endAt !== undefined && nextTick({ ...rule, endAt: undefined }, now) !== undefined;
}
