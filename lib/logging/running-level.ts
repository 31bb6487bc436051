import type { LogLevel } from '@nestjs/common';

import { LOGGING_LEVELS } from '../options/instance-options.js';
import type { Context } from '../redis/context.js';
import { redisError } from '../redis/redis-error.js';
import type { Timer } from '../runtime/clock.js';

/** How often a process that logs looks for another level. */
const LOOK_EVERY_MS = 5_000;

/** The level at which lines are kept: that of the options, or another one that somebody asked for, for a time. */
export class RunningLevel {
  private asked: LogLevel | undefined;
  private timer: Timer | undefined;

  constructor(private readonly context: Pick<Context, 'redis' | 'keys' | 'options' | 'clock'>) {}

  /** A process that never logs asks for nothing. */
  get current(): LogLevel {
    this.timer ??= this.lookIn(0);
    return this.asked ?? this.context.options.logging.level;
  }

  close(): void {
    this.context.clock.clear(this.timer);
  }

  private lookIn(afterMs: number): Timer {
    return this.context.clock.setTimeout(() => {
      void this.look().finally(() => {
        if (this.context.redis.state !== 'closed') this.timer = this.lookIn(LOOK_EVERY_MS);
      });
    }, afterMs);
  }

  /** What cannot be read stays as it was; a refusal is said once, and a warning in readiness. */
  private async look(): Promise<void> {
    const { redis, keys, options } = this.context;
    if (!redis.isReady) return;
    try {
      const level = await redis.commands.get(keys.logLevel(options.service));
      this.asked = level !== null && isLevel(level) ? level : undefined;
    } catch (error) {
      redis.refusals.note(redisError('read the log level', error), 'warning');
    }
  }
}

/** Whether it is one of Nest's levels. */
export function isLevel(text: string): text is LogLevel {
  return LOGGING_LEVELS.includes(text);
}
