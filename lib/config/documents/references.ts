import { constants, open } from 'node:fs/promises';

import { HydraError } from '../../hydra-error.js';
import type { Environment } from '../../hydra-options.js';
import { mapLeaves, pathText, type Path } from './document-paths.js';
import { isReference } from './config-secrets.js';

/** A larger file is not a secret. */
const MAX_FILE_BYTES = 65_536;

/**
 * A copy of a document in which every reference is replaced by what it names: `env:NAME` by the environment's variable,
 * `file:/path` by the text of the file without the line break at its end.
 *
 * @throws HydraError `CONFIG_INVALID` naming the path and the reference that leads nowhere
 */
export async function resolveReferences(document: object, environment: Environment): Promise<object> {
  const found = new Map<string, Path>();
  mapLeaves(document, (leaf, path) => isReference(leaf) && found.set(leaf, path));
  if (found.size === 0) return document;
  const values = new Map<unknown, string>();
  for (const [reference, path] of found) {
    values.set(reference, await resolveOne(reference, environment, path));
  }
  return mapLeaves(document, (leaf) => values.get(leaf) ?? leaf) as object;
}

async function resolveOne(reference: string, environment: Environment, path: Path): Promise<string> {
  const [kind, place] = [
    reference.slice(0, reference.indexOf(':')),
    reference.slice(reference.indexOf(':') + 1),
  ];
  const fail = (why: string, cause?: unknown) =>
    new HydraError('CONFIG_INVALID', `${pathText(path)}: ${reference} ${why}`, { cause });
  if (kind === 'env') {
    const value = environment[place];
    if (value === undefined) throw fail('is not set');
    return value;
  }
  try {
    return await readSmallFile(place);
  } catch (cause) {
    throw fail('cannot be read', cause);
  }
}

async function readSmallFile(path: string): Promise<string> {
  // Opening a pipe without a writer would never end.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a file');
    const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_FILE_BYTES + 1), 0, MAX_FILE_BYTES + 1, 0);
    if (bytesRead > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead).replace(/\r?\n$/, '');
  } finally {
    await file.close();
  }
}
