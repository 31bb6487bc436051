import { entryDead } from '../../diagnostics/channels.js';
import { encodeDeadLetter } from '../../protocol/dead-letter.js';
import type { Context } from '../../redis/context.js';
import { backoffMs } from '../../runtime/backoff.js';
import { sleep } from '../../runtime/waiting.js';
import type { DeadLettered } from '../group/consumer-config.js';
import type { ConsumerGroup } from '../group/consumer-group.js';
import { RETRY, type GroupStatus } from '../group/group-status.js';
import type { Entry } from './entry.js';

/** Makes dead letters of entries that failed permanently. */
export class DeadLetterWriter {
  private isClosed = false;

  constructor(
    private readonly context: Pick<Context, 'clock' | 'random' | 'metrics'>,
    private readonly group: Pick<ConsumerGroup, 'deadLetter' | 'config'>,
    private readonly status: GroupStatus,
  ) {}

  /** Resolves when Redis has stored it, after any number of tries; with undefined when closed before. */
  async write(entry: Entry, reason: string): Promise<DeadLettered | undefined> {
    const { clock, random } = this.context;
    const { id: entryId, fields, attempt, deliveries, isBegun } = entry;
    const letter = encodeDeadLetter({ entryId, reason, attempts: isBegun ? attempt : deliveries, fields });
    entry.end();
    for (let failures = 1; !this.isClosed; failures++) {
      try {
        const outcome = await this.group.deadLetter(entry, letter);
        this.status.clear('deadLetter');
        if (outcome.refused === 0) this.warnOf(entry, reason);
        this.warnOfDropped(outcome.dropped);
        return outcome;
      } catch (error) {
        this.status.recordFailure('deadLetter', error);
        this.status.report(error);
        await sleep(clock, backoffMs(RETRY, failures, random));
      }
    }
    return undefined;
  }

  /** Older dead letters, which nobody had read, were dropped. */
  warnOfDropped(count: number): void {
    if (count === 0) return;
    const { stream, group, deadLetters } = this.group.config;
    const limit = `streams.deadLetters.count=${deadLetters.count}`;
    this.status.warn('dropped', `${count} dead letters of "${stream}" (${group}) were dropped: ${limit}`);
  }

  /** Tries no more. */
  close(): void {
    this.isClosed = true;
  }

  private warnOf({ id, stream }: Entry, reason: string): void {
    const { group } = this.group.config;
    const help = 'Entries that groups gave up, as this process saw to it.';
    this.context.metrics?.count('hydra_entry_dead_total', help, { stream, group });
    if (entryDead.hasSubscribers) entryDead.publish({ stream, group, id, reason });
    this.status.warn('dead', `${id} of stream "${stream}" became a dead letter: ${reason}`);
  }
}
