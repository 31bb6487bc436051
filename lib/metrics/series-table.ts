import { OTHER, WorkSeries } from './work-series.js';

/** Series of one table. A pattern that is made anew for each call, of an id perhaps, must not fill the memory. */
const MAX_SERIES = 1_000;

/** The series of one kind of work by two labels, limited in number: all further ones share one series for each first label. */
export class SeriesTable {
  private readonly byFirst = new Map<string, Map<string, WorkSeries>>();
  private size = 0;

  constructor(
    /** The names of the two labels. */
    readonly labelNames: readonly [string, string],
    private readonly maxSeries = MAX_SERIES,
  ) {}

  /** The series of these two values. */
  of(first: string, second: string): WorkSeries {
    return this.byFirst.get(first)?.get(second) ?? this.add(first, second);
  }

  *[Symbol.iterator](): Iterator<WorkSeries> {
    for (const bySecond of this.byFirst.values()) yield* bySecond.values();
  }

  private add(first: string, second: string): WorkSeries {
    if (this.size >= this.maxSeries) {
      if (second !== OTHER) return this.of(first, OTHER);
      if (first !== OTHER && this.byFirst.size >= this.maxSeries) return this.of(OTHER, OTHER);
    }
    let bySecond = this.byFirst.get(first);
    if (!bySecond) this.byFirst.set(first, (bySecond = new Map()));
    const series = new WorkSeries([first, second]);
    bySecond.set(second, series);
    this.size++;
    return series;
  }
}
