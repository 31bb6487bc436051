export function findProgram(name: string): string | undefined;

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Is handed each line that the program prints. */
  readonly log?: (line: string) => void;
  /** The program writes to this terminal itself. */
  readonly inherit?: boolean;
  /** From 1 to 19: the more, the less of the processors it gets beside others. @defaultValue 0 */
  readonly priority?: number;
  readonly timeoutMs?: number;
}

/** Runs a program to its end, and resolves with its exit code; 127 when it could not be started. */
export function run(program: string, args: readonly string[], options?: RunOptions): Promise<number>;
