import type { Info } from '../../redis/faults/server-facts.js';

/** The first release of each series, still maintained in the year of the fault, in which CVE-2025-49844 is mended. */
const MENDED: Readonly<Record<'Redis' | 'Valkey', readonly string[]>> = {
  Redis: ['6.2.20', '7.2.11', '7.4.6', '8.0.4', '8.2.2'],
  Valkey: ['7.2.11', '8.0.6', '8.1.4'],
};

/** Says which build it is, where its series has a later one that is mended. */
export function vulnerableBuild(info: Info): string | undefined {
  const product = info['valkey_version'] === undefined ? 'Redis' : 'Valkey';
  const version = info['valkey_version'] ?? info['redis_version'] ?? '';
  const [major, minor, patch] = version.split('.').map(Number);
  for (const mended of MENDED[product]) {
    const [ofMajor, ofMinor, ofPatch] = mended.split('.').map(Number);
    if (major === ofMajor && minor === ofMinor && patch! < ofPatch!)
      return `${product} ${version} is older than ${mended}`;
  }
  return undefined;
}
