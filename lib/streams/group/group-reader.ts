import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../../runtime/backoff.js';
import { systemRandom } from '../../runtime/random-source.js';
import { isAway } from '../../redis/redis-error.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { Entry } from '../entries/entry.js';
import { isNoGroup, isRefusedForGood, TROUBLE, type GroupTrouble } from './group-status.js';

const BLOCK_MS = 1_000;

/** What a reader asks of whoever it reads for. */
export interface ReaderNeeds {
  /** How many entries may come now. */
  roomNow(): number;
  /** Whether it is others, of whom nothing is heard here, that must make room. */
  isHeldByOthers(): boolean;
  /** Asked for after a while although others have not been heard of. */
  forgetOthers(): void;
  /** Runs before each read. */
  beforeRead(): Promise<void>;
  accept(entries: readonly Entry[]): Promise<void>;
}

/** Reads on and on, as there is room, through every trouble that passes. */
export class GroupReader {
  private isClosed = false;
  private wake: (() => void) | undefined;

  constructor(
    private readonly group: ConsumerGroup,
    private readonly trouble: GroupTrouble,
    private readonly needs: ReaderNeeds,
  ) {}

  /**
   * Resolves once the group exists; waits for a Redis that is away.
   *
   * @throws what Redis refuses for good
   */
  async join(): Promise<void> {
    for (let failures = 0; !this.isClosed; failures++) {
      try {
        await this.group.ensure();
        return;
      } catch (error) {
        if (this.isClosed) return;
        if (isRefusedForGood(error)) throw error;
        // A right that is missing, or a key of another kind: waiting would not help.
        if (!isAway(error)) throw error;
        this.trouble.report(error);
        await sleep(backoffMs(TROUBLE, failures + 1, systemRandom));
      }
    }
  }

  /** Resolves once it is closed and the last read has ended. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.isClosed) {
      try {
        const count = await this.room();
        await this.needs.beforeRead();
        if (this.isClosed) return;
        await this.needs.accept(await this.group.read(count, BLOCK_MS));
        failures = 0;
        this.trouble.isOver('read');
      } catch (error) {
        if (this.isClosed) return;
        await this.recover(error, ++failures);
      }
    }
  }

  close(): void {
    this.isClosed = true;
    this.group.stopReading();
    this.wake?.();
  }

  /** There may be room again. */
  wakeSoon(): void {
    if (!this.wake) return;
    // After this turn, so that all that ends in it makes room for one larger read.
    setImmediate(this.wake);
    this.wake = undefined;
  }

  /** The group is gone: Redis lost its data, or somebody destroyed it. */
  async rejoin(): Promise<void> {
    try {
      const { stream, group } = this.group.membership;
      if (await this.group.ensure())
        this.trouble.warn('lost', `group "${group}" of stream "${stream}" was lost; made again`);
    } catch (error) {
      this.trouble.report(error);
    }
  }

  private async recover(trouble: unknown, failures: number): Promise<void> {
    this.trouble.fails('read', trouble);
    if (isNoGroup(trouble)) await this.rejoin();
    else this.trouble.report(trouble);
    await sleep(backoffMs(TROUBLE, failures, systemRandom));
  }

  /** Waits until something can be begun, and says how much. */
  private async room(): Promise<number> {
    for (;;) {
      const room = this.needs.roomNow();
      if (room > 0 || this.isClosed) return room;
      const isHeldByOthers = this.needs.isHeldByOthers();
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        // What others acknowledge is not heard of here.
        if (isHeldByOthers) setTimeout(resolve, TROUBLE.minMs);
      });
      if (isHeldByOthers) this.needs.forgetOthers();
      this.wake = undefined;
    }
  }
}
