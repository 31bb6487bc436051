export const STREAM = 'readings';

/** Keeps the sample's keys apart from everything else on that Redis. */
export const NAMESPACE = 'sample-streams';

/** What a sensor says. */
export interface Reading {
  readonly sensor: string;
  readonly celsius: number;
}
