/**
 * One value of a counter or a gauge.
 *
 * @publicApi
 */
export interface MetricValue {
  /** The values of the labels, by their names. */
  readonly labels: Readonly<Record<string, string>>;
  /** The present value, in the unit that the name of its family ends with. */
  readonly value: number;
}

/**
 * The values of one histogram.
 *
 * @publicApi
 */
export interface MetricHistogram {
  /** The values of the labels, by their names. */
  readonly labels: Readonly<Record<string, string>>;
  /** How many values are at most as much as each bound and more than the one before; the last are above all bounds. */
  readonly counts: readonly number[];
  /** The sum of all values. */
  readonly sum: number;
}

/**
 * All values of one name.
 *
 * @publicApi
 */
export type MetricFamily =
  | {
      readonly kind: 'counter' | 'gauge';
      /** As Prometheus wants names: `hydra_…`, with the unit in the end. */
      readonly name: string;
      /** What it tells, for people. */
      readonly help: string;
      readonly values: readonly MetricValue[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly help: string;
      /** The upper bounds. */
      readonly bounds: readonly number[];
      readonly values: readonly MetricHistogram[];
    };
