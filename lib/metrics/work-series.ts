import { HydraError } from '../hydra-error.js';
import { Histogram } from './histogram.js';

/** What stands for everything that has no series of its own. */
export const OTHER = '_OTHER';
/** Errors that one series tells apart. */
const MAX_CODES = 40;

/** How often one kind of work was done, how long it took, and what it failed with. */
export class WorkSeries {
  readonly durations = new Histogram();
  private readonly failures = new Map<string, number>();
  private retryCount = 0;

  constructor(
    /** The values of the labels of its table. */
    readonly labels: readonly string[],
  ) {}

  /** @param error what it failed with; undefined where it succeeded */
  ended(tookMs: number, error?: unknown): void {
    this.durations.record(tookMs);
    if (error !== undefined) this.failed(errorType(error));
  }

  failed(code: string): void {
    const kept = this.failures.has(code) || this.failures.size < MAX_CODES ? code : OTHER;
    this.failures.set(kept, (this.failures.get(kept) ?? 0) + 1);
  }

  retried(): void {
    this.retryCount++;
  }

  /** How often, by the code of the error. */
  get errors(): ReadonlyMap<string, number> {
    return this.failures;
  }

  get retries(): number {
    return this.retryCount;
  }
}

/** The code of a HydraError, the class of any other error. Text of a message is no label: there may be any number of them. */
export function errorType(error: unknown): string {
  if (error instanceof HydraError) return error.code;
  return error instanceof Error ? error.constructor.name || 'Error' : 'Error';
}
