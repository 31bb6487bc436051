import type { JsonGeneralNames } from '@peculiar/x509';

/** A pair of files, as PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority {
  /** File with its certificate. */
  readonly ca: string;
  /** Issues a certificate; `days` is its life from now on, below 0 for one that has expired. */
  issue(name: string, options?: { names?: JsonGeneralNames; days?: number }): Promise<CertificateFiles>;
  /** Removes its files. */
  remove(): Promise<void>;
}

export function createAuthority(name?: string): Promise<CertificateAuthority>;
