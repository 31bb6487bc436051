import type { ConsumerGroup } from '../group/consumer-group.js';
import type { Ended } from '../group/consumer-config.js';
import { sleep } from '../../runtime/waiting.js';
import type { Clock } from '../../runtime/clock.js';
import type { Entry } from './entry.js';

/**
 * How many entries one script acknowledges in a few milliseconds. For each ordered entry it also finds the next one of
 * its key.
 */
const BATCH_SIZE = { ordered: 200, unordered: 500 };
const RETRY_MS = 100;

/** Is told the results of acknowledgements. */
export interface AcknowledgerListener {
  /** Redis has confirmed the end of these. */
  acknowledged(entries: readonly Entry[], outcome: Ended): void;
  acknowledgeFailed(error: unknown): void;
}

/**
 * Acknowledges entries that ended: all that end in one event-loop tick, and all that end while the last acknowledgement is
 * under way, in one command. What Redis did not confirm is acknowledged again, for as long as it takes.
 */
export class Acknowledger {
  private ended: Entry[] = [];
  private isBusy = false;
  private whenIdle: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly group: Pick<ConsumerGroup, 'acknowledge' | 'config'>,
    private readonly listener: AcknowledgerListener,
  ) {}

  add(entry: Entry): void {
    entry.end();
    this.ended.push(entry);
    if (this.isBusy) return;
    this.isBusy = true;
    this.clock.setImmediate(() => void this.flush());
  }

  /** Resolves once nothing waits. */
  async idle(): Promise<void> {
    if (this.isBusy) await new Promise<void>((resolve) => this.whenIdle.push(resolve));
  }

  private async flush(): Promise<void> {
    const size = this.group.config.isOrdered ? BATCH_SIZE.ordered : BATCH_SIZE.unordered;
    while (this.ended.length > 0) {
      const entries = this.ended.splice(0, size);
      try {
        this.listener.acknowledged(entries, await this.group.acknowledge(entries));
      } catch (error) {
        this.ended.unshift(...entries);
        this.listener.acknowledgeFailed(error);
        await sleep(this.clock, RETRY_MS);
      }
    }
    this.isBusy = false;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
