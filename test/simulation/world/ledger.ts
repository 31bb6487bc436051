import type { SimClock } from './sim-clock.js';
import type { SimLog } from './sim-log.js';

/** A detail of a fact. */
export type Detail = string | number | boolean | undefined | readonly unknown[];

/** One thing that was seen from outside. */
export interface Fact {
  readonly at: number;
  readonly who: string;
  readonly kind: string;
  /** What was written down; texts, numbers, truths and lists of them. */
  readonly [detail: string]: Detail;
}

/** What was seen, in its order. Nothing in the library writes or reads it. */
export class Ledger {
  private readonly all: Fact[] = [];

  constructor(
    private readonly clock: SimClock,
    private readonly log: SimLog,
  ) {}

  note(who: string, kind: string, details: Readonly<Record<string, Detail>> = {}): void {
    this.all.push({ at: this.clock.monotonic(), who, kind, ...details });
    this.log.write(who, `${kind} ${JSON.stringify(details)}`);
  }

  get facts(): readonly Fact[] {
    return this.all;
  }
}
