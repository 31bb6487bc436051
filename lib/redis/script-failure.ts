/** A script that failed, by its name: the driver knows only its hash. */
export class ScriptFailure extends Error {
  override readonly name = 'ScriptFailure';

  constructor(
    readonly script: string,
    override readonly cause: unknown,
  ) {
    super(`script ${script}: ${String(cause)}`, { cause });
  }
}
