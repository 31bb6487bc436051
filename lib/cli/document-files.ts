import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { parse, stringify } from 'yaml';

import { isJsonObject, type JsonObject } from '../protocol/json.js';
import { CommandFailure, ExitCode } from './exit-codes.js';
import { jsonText } from './terminal.js';

/** Standard input. */
const STANDARD = '-';

/** Reads a document from a JSON or YAML file; every JSON text is YAML too. */
export async function readDocument(path: string): Promise<JsonObject> {
  const content = path === STANDARD ? text(process.stdin) : readFile(path, 'utf8');
  const document: unknown = await content.then((yaml) => parse(yaml)).catch(failOver(path));
  if (isJsonObject(document)) return document;
  throw new CommandFailure(ExitCode.usage, `${path} does not hold an object`);
}

/** YAML when the format says so, or the file's ending where there is no format; else JSON. */
export function formatDocument(
  document: object,
  format: string | undefined,
  path: string | undefined,
): string {
  const isYaml = format === undefined ? /\.ya?ml$/i.test(path ?? '') : format === 'yaml';
  return isYaml ? stringify(document) : `${jsonText(document, 2)}\n`;
}

/** A configuration may hold secrets: a new file is readable by its owner only. */
export async function writeDocument(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 }).catch(failOver(path));
}

function failOver(path: string): (error: unknown) => never {
  return (error) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.usage, `${path}: ${reason}`);
  };
}
