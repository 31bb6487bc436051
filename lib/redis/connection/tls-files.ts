import { readFileSync } from 'node:fs';
import { createSecureContext, type ConnectionOptions, type SecureContext } from 'node:tls';

import { HydraError } from '../../hydra-error.js';
import type { ResolvedTlsOptions } from '../../options/tls-options.js';

const FILES = ['ca', 'cert', 'key'] as const;

type Texts = Partial<Record<(typeof FILES)[number], string>>;

/**
 * What TLS is spoken with, read anew for each connection. Files that cannot be used, because only one of two is replaced so
 * far, do not break what worked: the last that could be used are, and `warn` is told.
 */
export class TlsFiles {
  private texts: Texts | undefined;
  private context: SecureContext | undefined;

  constructor(
    private readonly options: ResolvedTlsOptions,
    private readonly warn: (text: string) => void,
  ) {}

  /** Whether Sentinels are spoken to in the same way. */
  get sentinels(): boolean {
    return this.options.sentinels;
  }

  /** Whether this side has a certificate of its own to show. */
  get hasCertificate(): boolean {
    return this.options.cert !== undefined;
  }

  /**
   * Reads the files.
   *
   * @throws HydraError `BAD_OPTION` naming the option and the file, when they cannot be used and none could be before
   */
  read(): void {
    try {
      this.take(this.load());
    } catch (error) {
      if (this.context === undefined) throw error;
      this.warn(`${(error as Error).message}; the files as they were before are used`);
    }
  }

  /** For the driver, which asks for each connection: it copies the members whenever it connects. */
  optionsFor(given: unknown): ConnectionOptions {
    const base: ConnectionOptions = typeof given === 'object' && given !== null ? given : {};
    const { servername } = this.options;
    const contextFor = () => this.contextFor(base);
    return {
      ...base,
      ...(servername !== undefined && { servername }),
      get secureContext() {
        return contextFor();
      },
    };
  }

  private contextFor(base: ConnectionOptions): SecureContext | undefined {
    this.read();
    return Object.keys(base).length === 0 ? this.context : this.build(this.texts ?? {}, base);
  }

  private take(texts: Texts): void {
    if (this.context && FILES.every((name) => texts[name] === this.texts?.[name])) return;
    this.context = this.build(texts, {});
    this.texts = texts;
  }

  private load(): Texts {
    const read = FILES.flatMap((name) => {
      const path = this.options[name];
      return path === undefined ? [] : [[name, textOf(name, path)] as const];
    });
    return Object.fromEntries(read);
  }

  private build(texts: Texts, base: ConnectionOptions): SecureContext {
    const { passphrase, ca, cert, key } = this.options;
    try {
      return createSecureContext({ ...base, ...texts, ...(passphrase !== undefined && { passphrase }) });
    } catch (cause) {
      const named = Object.entries({ ca, cert, key }).filter(([, path]) => path !== undefined);
      const files = named.map(([name, path]) => `tls.${name} ${path}`).join(', ');
      throw unusable(`${files} cannot be used: ${(cause as Error).message}`, cause);
    }
  }
}

function textOf(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unusable(`tls.${name} cannot be read: ${(cause as Error).message}`, cause);
  }
}

function unusable(text: string, cause: unknown): HydraError {
  return new HydraError('BAD_OPTION', text, { cause });
}
