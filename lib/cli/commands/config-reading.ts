import { existsSync } from 'node:fs';

import { differences } from '../../config/documents/difference.js';
import { nothingStored, parseRevision, type ConfigTarget } from './config-label.js';
import { formatDocument, readDocument, writeDocument } from './document-files.js';
import { CommandFailure, declined, ExitCode } from '../session/command-failure.js';
import { confirm, differenceLines, note, print, printJson, printTable } from '../session/terminal.js';

export interface PullOptions {
  readonly format?: string;
  readonly yes?: boolean;
}

export async function pull(
  { store, service, version }: ConfigTarget,
  file: string | undefined,
  { format, yes = false }: PullOptions,
): Promise<void> {
  const found = await store.document(version);
  if (!found) throw nothingStored(version === undefined ? service : `${service}:${version}`);
  const content = await formatDocument(found.config, format, file);
  if (file === undefined) process.stdout.write(content);
  else {
    if (existsSync(file) && !(await confirm(`Overwrite ${file}?`, yes))) throw declined();
    await writeDocument(file, content);
  }
  note(`${service}:${found.version} at revision ${found.revision}`);
}

export async function list({ store, service, global }: ConfigTarget): Promise<void> {
  const [versions, changes] = await Promise.all([store.versions(), store.history()]);
  const rows = versions.map(({ version, revision }) => {
    const change = changes.find((other) => other.revision === revision);
    return { version, revision, at: change?.at, by: change?.isForeign ? '(foreign)' : change?.by };
  });
  if (global.json) printJson(rows);
  else if (rows.length === 0) note(`${service} has no stored configuration`);
  else
    printTable(
      ['VERSION', 'REVISION', 'CHANGED', 'BY'],
      rows.map((row) => Object.values(row)),
    );
}

export async function diff(
  target: ConfigTarget,
  a: string,
  b: string,
  { exitCode = false }: { readonly exitCode?: boolean },
): Promise<void> {
  const [before, after, isSecret] = await Promise.all([
    sideOf(target, a),
    sideOf(target, b),
    target.store.secretTest(),
  ]);
  const changes = differences(before, after, isSecret);
  if (target.global.json) printJson(changes);
  else for (const line of differenceLines(changes, process.stdout)) print(line);
  if (exitCode && changes.length > 0) throw new CommandFailure(ExitCode.failed, '');
}

export async function history({ store, version, global }: ConfigTarget, limit: number): Promise<void> {
  const changes = (await store.history(version)).slice(0, limit);
  if (global.json) printJson(changes);
  else {
    const rows = changes.map((change) => [
      `@${change.revision}`,
      change.at,
      change.version,
      change.action,
      change.isForeign ? '(foreign)' : change.by,
      change.why,
    ]);
    printTable(['REVISION', 'WHEN', 'VERSION', 'WHAT', 'WHO', 'WHY'], rows);
  }
}

/** A version; a revision, `@7`; or a file, which has a slash or an ending in its name. */
async function sideOf({ store, service }: ConfigTarget, side: string): Promise<object> {
  if (side === '-' || /[/\\]|\.(json|ya?ml)$/i.test(side)) return readDocument(side);
  const document = side.startsWith('@')
    ? await store.documentAt(parseRevision(side))
    : (await store.document(side))?.config;
  if (document) return document;
  throw nothingStored(`${service}${side.startsWith('@') ? '' : ':'}${side}`);
}
