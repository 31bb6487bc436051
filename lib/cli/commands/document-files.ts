import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { isJsonObject, type JsonObject } from '../../protocol/json.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { jsonText } from '../session/terminal.js';

/** Standard input. */
const STANDARD = '-';

const NO_YAML = 'YAML needs the package "yaml", which is not installed here: npm install yaml';

/**
 * Reads a document from a JSON or YAML file.
 *
 * @throws CommandFailure `usage` where the file holds no object, or is YAML and the package `yaml` is not installed
 */
export async function readDocument(path: string): Promise<JsonObject> {
  const content = path === STANDARD ? text(process.stdin) : readFile(path, 'utf8');
  const document: unknown = await content.then(parseDocument).catch(failOver(path));
  if (isJsonObject(document)) return document;
  throw new CommandFailure(ExitCode.usage, `${path} does not hold an object`);
}

/**
 * YAML when the format says so, or the file's ending where there is no format; else JSON.
 *
 * @throws CommandFailure `usage` for YAML where the package `yaml` is not installed
 */
export async function formatDocument(
  document: object,
  format: string | undefined,
  path: string | undefined,
): Promise<string> {
  const isYaml = format === undefined ? /\.ya?ml$/i.test(path ?? '') : format === 'yaml';
  if (!isYaml) return `${jsonText(document, 2)}\n`;
  const yaml = await loadYaml();
  if (yaml) return yaml.stringify(document);
  throw new CommandFailure(ExitCode.usage, `${NO_YAML}, or ask for JSON: --format json`);
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

/** Every JSON text is YAML too, but only JSON needs no other package. */
async function parseDocument(content: string): Promise<unknown> {
  try {
    return JSON.parse(content);
  } catch (error) {
    const yaml = await loadYaml();
    if (yaml) return yaml.parse(content);
    throw new Error(`not JSON (${(error as Error).message}); ${NO_YAML}`, { cause: error });
  }
}

async function loadYaml(): Promise<typeof import('yaml') | undefined> {
  try {
    return await import('yaml');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
