import { hostname, userInfo } from 'node:os';

import type { Command } from 'commander';

import { ConfigStore } from '../../config/config-store.js';
import { parseLabel, type ConfigTarget } from './config-label.js';
import { diff, history, list, pull, type PullOptions } from './config-reading.js';
import { push, remove, rollback, type WriteOptions } from './config-writing.js';
import { knownService } from '../lookup/known-service.js';
import { CommandFailure } from '../session/command-failure.js';
import { parseCount, withInstance } from '../session/session.js';
import { note } from '../session/terminal.js';

export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('stored configurations, one document a version');

  withWriteOptions(config.command('push <service:version> <file>'))
    .description('store a JSON or YAML file (- for standard input)')
    .action((label: string, file: string, options: WriteOptions, command: Command) =>
      onConfig(command, label, (target) => push(target, file, options)),
    );
  config
    .command('pull <service[:version]> [file]')
    .description('print a document, or write it to a file; without a version the newest')
    .option('--format <json|yaml>', "how it is written (default: by the file's ending, else json)")
    .option('-y, --yes', 'overwrite the file without asking')
    .action((label: string, file: string | undefined, options: PullOptions, command: Command) =>
      onConfig(command, label, (target) => pull(target, file, options)),
    );
  config
    .command('list <service>')
    .description('every version with its revision')
    .action((label: string, _: object, command: Command) => onConfig(command, label, list));
  config
    .command('diff <service> <a> <b>')
    .description('what differs; a and b are a version, @revision, or a file')
    .option('--exit-code', 'end with 1 when they differ')
    .action((label: string, a: string, b: string, options: { exitCode?: boolean }, command: Command) =>
      onConfig(command, label, (target) => diff(target, a, b, options)),
    );
  config
    .command('history <service[:version]>')
    .description('who changed what, when and why, newest first')
    .option('-n, --limit <count>', 'how many', parseCount, 20)
    .action((label: string, { limit }: { limit: number }, command: Command) =>
      onConfig(command, label, (target) => history(target, limit)),
    );
  withWriteOptions(config.command('rollback <service[:version]> [revision]'))
    .description('store again what a revision held; without one, what was before the last change')
    .action((label: string, revision: string | undefined, options: WriteOptions, command: Command) =>
      onConfig(command, label, (target) => rollback(target, revision, options)),
    );
  withWriteOptions(config.command('remove <service:version>'))
    .description('remove one version')
    .action((label: string, options: WriteOptions, command: Command) =>
      onConfig(command, label, (target) => remove(target, options)),
    );
}

function withWriteOptions(command: Command): Command {
  return command
    .option('--why <text>', 'the reason, for the history', '')
    .option('--by <name>', 'who, for the history', author())
    .option('--expect <revision>', 'refuse unless it is at this revision (default: the one that is shown)')
    .option('--dry-run', 'show what would change, and write nothing')
    .option('-y, --yes', 'do not ask');
}

function onConfig(
  command: Command,
  text: string,
  act: (target: ConfigTarget) => Promise<void>,
): Promise<void> {
  const label = parseLabel(text);
  return withInstance(command, async (instance, global) => {
    const store = new ConfigStore(instance).of(label.service);
    await knownService(instance, label.service).catch((error: unknown) => {
      // A configuration may be stored before its service has ever run.
      if (command.name() !== 'push' || !(error instanceof CommandFailure)) throw error;
      note(`${error.message} yet: is the name right?`);
    });
    return act({ ...label, service: store.service, store, global });
  });
}

/** A container may run under a user id that has no name. */
function author(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    return hostname();
  }
}
