import { DeliveryContext } from '../../delivery/delivery-context.js';
import { ignorable } from '../../runtime/ignorable.js';
import { decodeAddress, type Address } from '../../protocol/address.js';
import type { UmfMessage } from '../../protocol/message.js';

/** The job that a context belongs to. */
export interface JobFacts {
  readonly id: string;
  readonly pattern: string;
  readonly attempt: number;
  readonly isFirstStart: boolean;
  readonly enqueuedAt: Date;
  readonly addedAt: number;
  readonly fence: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly message: UmfMessage;
  report(value: unknown): Promise<void>;
  log(text: unknown): Promise<void>;
  step<T>(name: string, run: () => T | Promise<T>): Promise<T>;
}

/**
 * What a handler can read about its job: `@Ctx() context: HydraJobContext`.
 *
 * Its `signal` is aborted when the lease was lost, the attempt took longer than its timeout, or the process is stopping;
 * a job whose handler throws after that last one is handed back and starts elsewhere, without counting as failed.
 *
 * @publicApi
 */
export class HydraJobContext extends DeliveryContext {
  /** The id of the job. */
  get id(): string {
    return this.job.id;
  }

  /** Which attempt this is, from 1. */
  get attempt(): number {
    return this.job.attempt;
  }

  /** Whether it never began before, be it in an attempt that does not count. @internal */
  get isFirstStart(): boolean {
    return this.job.isFirstStart;
  }

  /** When the job was added, by the clock of the process that added it. */
  get enqueuedAt(): Date {
    return this.job.enqueuedAt;
  }

  /** The same as Unix time in milliseconds; NaN where its message does not say. @internal */
  get addedAt(): number {
    return this.job.addedAt;
  }

  /**
   * Rises with each start of any job of the queue. Store it with what the job writes, and let a write with a lower fence
   * change nothing: then a worker that was frozen cannot undo what its successor did.
   */
  get fence(): number {
    return this.job.fence;
  }

  /**
   * Tells those who listen how far the job is. It need not be waited for: the job continues whether or not it could be told. Where Redis is away, it
   * resolves after `connection.commandTimeoutMs` without having told anybody.
   *
   * @throws HydraError `LEASE_LOST` when another worker has the job by now, which it cannot know while Redis is away; `BAD_PAYLOAD`,
   *   `PAYLOAD_TOO_LARGE`; `FORBIDDEN`, `CLOSED`, and `REDIS_UNAVAILABLE` that waiting does not mend
   */
  progress(value: unknown): Promise<void> {
    return ignorable(this.job.report(value));
  }

  /**
   * Writes a line that `QueueService.logs(id)` reads: of each job the last hundred are kept, of each the first thousand
   * characters. It need not be waited for. Where Redis is away, it resolves after `connection.commandTimeoutMs` without
   * having written.
   *
   * @throws HydraError `LEASE_LOST` when another worker has the job by now, which it cannot know while Redis is away;
   *   `FORBIDDEN`, `CLOSED`, and `REDIS_UNAVAILABLE` that waiting does not mend
   */
  log(text: string): Promise<void> {
    return ignorable(this.job.log(text));
  }

  /**
   * Runs a part of the work once for a job, over all its attempts, a redrive included, and gives what it gave: JSON data.
   * A step that throws is run again by the next attempt, as is one whose process ended before Redis had its result. A job has
   * a thousand steps at most, with 65,536 characters of names and results.
   *
   * @throws HydraError `LEASE_LOST` when another worker has the job by now: the step has not begun, or its result is not kept;
   *   `BAD_PAYLOAD`; `PAYLOAD_TOO_LARGE` where the job has too many steps or too long names for it to begin, or where its result
   *   is too large to keep, also in later attempts: the step is not run again; `BAD_OPTION` for an empty name or `__proto__`;
   *   `REDIS_UNAVAILABLE`: a step that has run is not run again by later attempts
   */
  step<T>(name: string, run: () => T | Promise<T>): Promise<T> {
    return this.job.step(name, run);
  }

  /** The pattern of the handler. */
  getPattern(): string {
    return this.job.pattern;
  }

  /** The headers given to `add`. */
  getMetadata(): Readonly<Record<string, string>> {
    return this.job.headers;
  }

  /** The job as UMF. */
  getMessage(): UmfMessage {
    return this.job.message;
  }

  /** Who added it; undefined when its address is not one. */
  getSender(): Address | undefined {
    return decodeAddress(this.job.message.from);
  }

  private get job(): JobFacts {
    return this.getArgByIndex(0) as JobFacts;
  }
}
