/** A certificate authority for tests, in files of a folder of its own. */
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
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** Resolves with `{ ca, issue(name, { names, days }), remove() }`: `ca` is the file with its own certificate. */
export async function createAuthority(name = 'test-ca') {
  cryptoProvider.set(webcrypto);
  const folder = await mkdtemp(join(tmpdir(), 'hydra-tls-'));
  const keys = await newKeys();
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    ...validity(2),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  const ca = join(folder, 'ca.crt');
  await writeFile(ca, root.toString('pem'));

  let issued = 1;
  const issue = async (subject, { names = [], days = 2 } = {}) => {
    const own = await newKeys();
    const certificate = await X509CertificateGenerator.create({
      serialNumber: String(++issued).padStart(2, '0'),
      subject: `CN=${subject}`,
      issuer: root.subject,
      ...validity(days),
      signingAlgorithm: ALGORITHM,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      extensions: names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : [],
    });
    return write(folder, `${subject}-${issued}`, certificate, own);
  };
  return { ca, issue, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function write(folder, name, certificate, keys) {
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
  await writeFile(files.cert, certificate.toString('pem'));
  await writeFile(files.key, await pemOf(keys.privateKey));
  return files;
}

async function pemOf(key) {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/(.{64})/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);

function validity(days) {
  const now = Date.now();
  return { notBefore: new Date(now - 3 * DAY_MS), notAfter: new Date(now + days * DAY_MS) };
}
