import { differences } from '../../config/documents/difference.js';
import type { ConfigChangeOptions } from '../../config/documents/config-change-options.js';
import { isVersion, versionMeantBy } from '../../config/documents/versions.js';
import { nothingStored, parseRevision, versionOf, type ConfigTarget } from './config-label.js';
import { CommandFailure, declined, ExitCode } from '../session/command-failure.js';
import { readDocument } from './document-files.js';
import { confirm, differenceLines, note } from '../session/terminal.js';

export interface WriteOptions {
  readonly by: string;
  readonly why: string;
  readonly expect?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
}

export async function push(target: ConfigTarget, file: string, options: WriteOptions): Promise<void> {
  const { store, service } = target;
  const version = versionOf(target);
  const [after, before] = [await readDocument(file), await store.document(version)];
  const label = `${service}:${version}`;
  note(before ? `${label} is at revision ${before.revision}` : `${label} is new`);
  warnOfLabel(version);
  const isChanged = await showChanges(target, before?.config ?? {}, after);
  const isExpected = options.expect === undefined || parseRevision(options.expect) === before?.revision;
  const isResealed = await store.isSealedOtherwise(version);
  if (before && !isChanged && !isResealed && isExpected) return note('nothing to change');
  if (before && !isChanged && isResealed) note('  the same content, encrypted as it is now configured');
  const audit = await agree(`Write ${label}?`, before?.revision ?? 0, options);
  if (audit) note(`${label} is at revision ${(await store.put(version, after, audit)).revision}`);
}

export async function rollback(
  target: ConfigTarget,
  revision: string | undefined,
  options: WriteOptions,
): Promise<void> {
  const { store, service } = target;
  const to = revision === undefined ? await store.revisionBefore(target.version) : parseRevision(revision);
  const change = to === undefined ? undefined : (await store.history()).find((one) => one.revision === to);
  if (to === undefined || !change) throw nothingStored(`what ${service} had before`);
  const label = `${service}:${change.version}`;
  if (target.version !== undefined && target.version !== change.version) {
    throw new CommandFailure(ExitCode.usage, `revision ${to} is one of ${label}, not of ${target.version}`);
  }
  const before = await store.document(change.version);
  note(`${label} goes back to revision ${to} of ${change.at}`);
  await showChanges(target, before?.config ?? {}, await store.documentAt(to));
  const audit = await agree(`Write ${label}?`, before?.revision ?? 0, options);
  if (audit) note(`${label} is at revision ${(await store.rollback(to, audit)).revision}`);
}

export async function remove(target: ConfigTarget, options: WriteOptions): Promise<void> {
  const { store, service } = target;
  const version = versionOf(target);
  const label = `${service}:${version}`;
  const revision = (await store.versions()).find((stored) => stored.version === version)?.revision;
  if (revision === undefined) throw nothingStored(label);
  const audit = await agree(`Remove ${label} (revision ${revision})?`, revision, options);
  if (!audit) return;
  await store.remove(version, audit);
  note(`${label} is removed; the history still holds it`);
}

/** Instances look for semantic versions of their own line; any other version is used only by those that name it. */
function warnOfLabel(version: string): void {
  if (isVersion(version)) return;
  const meant = versionMeantBy(version);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  note(
    `"${version}" is no semantic version: only instances that name it (config.version, config.label) use it${hint}`,
  );
}

/** Whether there is any. They go where the question goes. */
async function showChanges({ store }: ConfigTarget, before: object, after: object): Promise<boolean> {
  const changes = differences(before, after, await store.secretTest());
  for (const line of differenceLines(changes, process.stderr)) note(line);
  return changes.length > 0;
}

/**
 * Asks for confirmation, and returns what the write must expect: the revision that was shown, unless the user expected
 * another one. Undefined for a dry run.
 */
async function agree(
  question: string,
  shown: number,
  { by, why, expect, yes = false, dryRun = false }: WriteOptions,
): Promise<ConfigChangeOptions | undefined> {
  if (dryRun) {
    note('dry run: nothing was written');
    return undefined;
  }
  if (!(await confirm(question, yes))) throw declined();
  return { by, expect: expect === undefined ? shown : parseRevision(expect), ...(why !== '' && { why }) };
}
