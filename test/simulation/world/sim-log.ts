import { createHash } from 'node:crypto';

/** What happened in a world, line by line, and a digest of it and of all bytes that passed. */
export class SimLog {
  readonly lines: string[] = [];
  private readonly hash = createHash('sha1');
  private readonly keepsBytes: boolean;

  constructor(
    private readonly now: () => number,
    { keepsBytes = false }: { readonly keepsBytes?: boolean } = {},
  ) {
    this.keepsBytes = keepsBytes;
  }

  write(who: string, what: string): void {
    const line = `${this.now().toFixed(3).padStart(10)} ${who} ${what}`;
    this.lines.push(line);
    this.hash.update(line);
  }

  /** Bytes that pass: in the digest, and where asked for in the lines. */
  saw(where: string, bytes: Buffer): void {
    this.hash.update(`${this.now()} ${where}`);
    this.hash.update(bytes);
    if (this.keepsBytes)
      this.lines.push(
        `${this.now().toFixed(3).padStart(10)} ${where} ${JSON.stringify(bytes.toString('latin1'))}`,
      );
  }

  /** To be asked for once, at the end. */
  digest(): string {
    return this.hash.digest('hex');
  }
}
