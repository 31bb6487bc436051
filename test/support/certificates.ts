import * as authority from '../../tools/certificates.mjs';
import type { CertificateAuthority } from '../../tools/certificates.mjs';
import { atEnd } from './at-end.js';

export type { CertificateAuthority, CertificateFiles } from '../../tools/certificates.mjs';

/** A certificate authority in files of a folder of its own, which is removed at the end. */
export async function createAuthority(name?: string): Promise<CertificateAuthority> {
  const created = await authority.createAuthority(name);
  atEnd(() => created.remove());
  return created;
}
