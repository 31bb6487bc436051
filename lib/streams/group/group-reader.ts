import type { Context } from '../../redis/context.js';
import { isAway } from '../../redis/redis-error.js';
import { backoffMs } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/waiting.js';
import type { GroupEntries } from '../entries/group-entries.js';
import type { ConsumerGroup } from './consumer-group.js';
import { isNoGroup, isRefusedPermanently, RETRY, type GroupStatus } from './group-status.js';

const BLOCK_MS = 1_000;

export interface ReaderOptions {
  readonly group: ConsumerGroup;
  readonly status: GroupStatus;
  /** Takes the entries that are read, as far as it has capacity. */
  readonly entries: GroupEntries;
}

/** Reads one group as long as it is open, and continues after every temporary failure. */
export class GroupReader {
  private isClosed = false;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'random'>,
    private readonly options: ReaderOptions,
  ) {}

  /**
   * Resolves when the group exists; waits for Redis if there is no connection.
   *
   * @throws what Redis refuses permanently
   */
  async join(): Promise<void> {
    for (let failures = 0; !this.isClosed; failures++) {
      try {
        await this.options.group.ensure();
        await this.options.entries.restoreOrder({ onlyIfLost: false });
        return;
      } catch (error) {
        if (this.isClosed) return;
        // A missing right, or a key of another type: waiting would not help.
        if (isRefusedPermanently(error) || !isAway(error)) throw error;
        this.options.status.report(error);
        await this.pause(failures + 1);
      }
    }
  }

  /** Resolves once it is closed and the last read has ended. */
  async run(): Promise<void> {
    const { group, status, entries } = this.options;
    for (let failures = 0; !this.isClosed;) {
      try {
        const count = await this.capacity();
        await entries.recoverWhenDue();
        if (this.isClosed) return;
        await entries.accept(await group.read(count, BLOCK_MS));
        failures = 0;
        status.clear('read');
      } catch (error) {
        if (!this.isClosed) await this.recover(error, ++failures);
      }
    }
  }

  close(): void {
    this.isClosed = true;
    this.options.group.stopReading();
  }

  /** The group is gone: Redis lost its data, or somebody destroyed it. */
  async rejoin(): Promise<void> {
    const { group, status } = this.options;
    try {
      if (!(await group.ensure())) return;
      const { stream, group: name } = group.config;
      status.warn('lost', `group "${name}" of stream "${stream}" was lost; made again`);
    } catch (error) {
      status.report(error);
    }
  }

  private async recover(error: unknown, failures: number): Promise<void> {
    const { status } = this.options;
    status.recordFailure('read', error);
    if (isNoGroup(error)) await this.rejoin();
    else status.report(error);
    await this.pause(failures);
  }

  private pause(failures: number): Promise<void> {
    const { clock, random } = this.context;
    return sleep(clock, backoffMs(RETRY, failures, random));
  }

  /** Waits until entries can begin, and returns how many. */
  private async capacity(): Promise<number> {
    const { entries } = this.options;
    for (;;) {
      const { capacity } = entries;
      if (capacity > 0 || this.isClosed) return capacity;
      await entries.capacityMayBeFreed();
    }
  }
}
