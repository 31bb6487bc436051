import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  BasicConstraintsExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  cryptoProvider,
  type JsonGeneralNames,
  type X509Certificate,
} from '@peculiar/x509';

import { atEnd } from './at-end.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

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
}

/** A certificate authority in files of a folder of its own, which is removed at the end. */
export async function createAuthority(name = 'test-ca'): Promise<CertificateAuthority> {
  cryptoProvider.set(webcrypto as never);
  const folder = await mkdtemp(join(tmpdir(), 'hydra-tls-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...validity(2),
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, root.toString('pem'));

  let issued = 1;
  const issue: CertificateAuthority['issue'] = async (subject, { names = [], days = 2 } = {}) => {
    const own = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: String(++issued).padStart(2, '0'),
      subject: `CN=${subject}`,
      issuer: root.subject,
      ...validity(days),
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey as never,
      signingKey: keys.privateKey as never,
      extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
    });
    return write(folder, `${subject}-${issued}`, certificate, own);
  };
  return { ca, issue };
}

async function write(
  folder: string,
  name: string,
  certificate: X509Certificate,
  keys: webcrypto.CryptoKeyPair,
): Promise<CertificateFiles> {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  await writeFile(files.cert, certificate.toString('pem'));
  await writeFile(files.key, await pemOf(keys.privateKey));
  return files;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 3 * DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}
