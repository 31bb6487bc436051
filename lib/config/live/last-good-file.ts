import { readFile, rename, writeFile } from 'node:fs/promises';

import { parseObject } from '../../protocol/json.js';

/** The document that a process last ran with, as it was stored: sealed if it was sealed, its references unresolved. */
export interface LastGood {
  readonly service: string;
  readonly version: string;
  readonly revision: number;
  /** ISO 8601, UTC, milliseconds, by this machine's clock. */
  readonly savedOn: string;
  readonly text: string;
}

/** Replaces the file as a whole, readable only by its owner. After a crash in between, the old file is still there. */
export async function saveLastGood(path: string, document: LastGood): Promise<void> {
  // Instances on one machine may share the path.
  const draft = `${path}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(document)}\n`, { mode: 0o600 });
  await rename(draft, path);
}

/** Undefined when there is no such file, or when it belongs to another service. */
export async function readLastGood(path: string, service: string): Promise<LastGood | undefined> {
  const found = parseObject(await readFile(path, 'utf8').catch(() => undefined));
  if (found?.['service'] !== service) return undefined;
  const isWhole =
    typeof found['version'] === 'string' &&
    typeof found['revision'] === 'number' &&
    typeof found['savedOn'] === 'string' &&
    typeof found['text'] === 'string';
  return isWhole ? (found as unknown as LastGood) : undefined;
}
