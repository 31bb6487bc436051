/**
 * A Standard Schema, version 1, as zod, valibot, arktype and others implement it, as far as it is used here.
 *
 * @publicApi
 */
export interface StandardSchema<Output = unknown> {
  /** What every Standard Schema has. */
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | PromiseLike<StandardSchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** A value, or what is wrong. @publicApi */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/**
 * Why a value is not valid.
 *
 * @publicApi
 */
export interface StandardSchemaIssue {
  /** For people. */
  readonly message: string;
  /** Where in the value it is. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * The type of a configuration: a Standard Schema, or a class, with or without class-validator's decorators.
 *
 * @publicApi
 */
export type ConfigType<T = unknown> = StandardSchema<T> | (new () => T);
