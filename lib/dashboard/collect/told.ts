/** What whoever watches something is told. */
export interface Told {
  readonly json: string;
  /** It adds to what was told before. */
  readonly isPart: boolean;
  /** All that is known, which may be told in place of the parts; undefined where there is nothing but this. */
  readonly whole?: string | undefined;
}
