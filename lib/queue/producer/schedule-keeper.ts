import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { HydraError } from '../../hydra-error.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { lookAtSchedules } from '../scripts/schedule-scripts.js';

const LOOK_MS = 2_000;

/** Sets a repeating job, and gives the mark of the data. */
type SetAgain = () => Promise<string | undefined>;

/**
 * Remembers the repeating jobs that this process has set, and sets them again where Redis lost them: nobody else would
 * until the next start. What somebody ended stays ended: a mark beside the schedules tells the one from the other, for it
 * goes only with all data.
 */
export class ScheduleKeeper {
  private readonly known = new Map<string, SetAgain>();
  private mark = '';
  private isLooking = false;
  private timer: Timer | undefined;
  private stopListening: (() => void) | undefined;

  constructor(
    private readonly context: Pick<Context, 'redis' | 'clock' | 'random' | 'log'>,
    private readonly keys: QueueKeys,
  ) {}

  keep(name: string, mark: string, set: SetAgain): void {
    this.known.set(name, set);
    // Another mark than before means that the earlier ones were lost: the next look has to see that.
    if (this.mark === '') this.mark = mark;
    if (this.isLooking) return;
    this.isLooking = true;
    this.lookLater();
    this.stopListening = this.context.redis.onState((state) => {
      if (state === 'ready') void this.look();
    });
  }

  drop(name: string): void {
    this.known.delete(name);
  }

  dropAll(): void {
    this.known.clear();
  }

  close(): void {
    this.known.clear();
    this.isLooking = false;
    this.context.clock.clear(this.timer);
    this.stopListening?.();
  }

  private lookLater(): void {
    const next = async () => {
      await this.look();
      if (this.known.size > 0) this.lookLater();
      else this.close();
    };
    const { clock, random } = this.context;
    // The processes of a fleet must not look in one instant.
    this.timer = clock.setTimeout(() => void next(), LOOK_MS * (0.8 + random.float() * 0.4), {
      isUpkeep: true,
    });
  }

  /** Never rejects: a failed look is repeated soon. */
  private async look(): Promise<void> {
    if (!this.context.redis.isReady || this.known.size === 0) return;
    const before = [...this.known];
    try {
      const [mark = '', ...names] = await this.context.redis.run('look at repeating jobs', (redis) =>
        lookAtSchedules.run(redis, [this.keys.schedules]),
      );
      if (mark !== this.mark) return await this.setAgain();
      const there = new Set(names);
      for (const [name, set] of before)
        if (!there.has(name) && this.known.get(name) === set) this.known.delete(name);
    } catch (error) {
      this.context.log.warn(
        `look ${this.keys.schedules}`,
        `repeating jobs could not be looked at: ${String(error)}`,
      );
    }
  }

  private async setAgain(): Promise<void> {
    this.context.log.warn(
      `lost ${this.keys.schedules}`,
      `Redis lost ${this.keys.schedules}: ${this.known.size} repeating jobs are set again`,
    );
    let mark = '';
    for (const [name, set] of this.known) {
      try {
        const again = await set();
        if (again === undefined) this.known.delete(name);
        else mark = again;
      } catch (error) {
        // It has no further tick: there is nothing to keep.
        if (!(error instanceof HydraError) || error.code !== 'BAD_OPTION') throw error;
        this.known.delete(name);
      }
    }
    this.mark = mark;
  }
}
