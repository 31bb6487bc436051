import type { ConsumerGroup } from '../group/consumer-group.js';
import type { Entry } from './entry.js';

/** As many as one script handles without keeping Redis from others for long. */
const AT_ONCE = 500;
const RETRY_MS = 100;

/**
 * Acknowledges what was handled: all that ends in one turn, and all that ends while the last acknowledgement is under way,
 * in one command. What Redis did not confirm is acknowledged again, for as long as it takes.
 */
export class Acknowledger {
  private done: Entry[] = [];
  private isBusy = false;
  private whenIdle: (() => void)[] = [];

  constructor(
    private readonly group: ConsumerGroup,
    /** Told what is confirmed, and the entries whose turn has come with it. */
    private readonly confirmed: (
      entries: readonly Entry[],
      successors: readonly Entry[],
      refused: number,
    ) => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** How many wait to be acknowledged. */
  get size(): number {
    return this.done.length;
  }

  add(entry: Entry): void {
    this.done.push(entry);
    if (this.isBusy) return;
    this.isBusy = true;
    setImmediate(() => void this.flush());
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    if (this.isBusy) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  private async flush(): Promise<void> {
    while (this.done.length > 0) {
      const entries = this.done.splice(0, AT_ONCE);
      try {
        const { refused, successors } = await this.group.acknowledge(entries);
        this.confirmed(entries, successors, refused);
      } catch (error) {
        this.done.unshift(...entries);
        this.failed(error);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.isBusy = false;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
