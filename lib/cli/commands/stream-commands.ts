import type { Command } from 'commander';

import { HydraError } from '../../hydra-error.js';
import type { StreamInfo } from '../../streams/stored/stream-info.js';
import { StreamService } from '../../streams/stream-service.js';
import { CommandFailure, declined, ExitCode } from '../session/command-failure.js';
import { parseCount, withInstance, type GlobalOptions } from '../session/session.js';
import { confirm, jsonText, note, print, printJson, printTable } from '../session/terminal.js';

interface StreamOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly yes?: boolean;
}

interface StreamTarget {
  readonly streams: StreamService;
  readonly stream: string;
  readonly options: StreamOptions;
  readonly global: GlobalOptions;
}

export function addStreamCommands(program: Command): void {
  const stream = program.command('stream').description('streams of durable events');

  onStream(stream.command('info <stream>'), info).description('its length, and the progress of each group');
  onStream(stream.command('tail <stream>'), tail)
    .description('its newest entries, oldest first')
    .option('-n, --limit <count>', 'how many', parseCount, 10);
  onStream(stream.command('dead <stream> <group>'), dead)
    .description('the dead letters of a group, and their reasons')
    .option('-n, --limit <count>', 'how many', parseCount, 100);
  onStream(stream.command('redrive <stream> <group> [ids...]'), redrive)
    .description('give dead letters back to their group')
    .option('--all', 'every dead letter')
    .option('-y, --yes', 'do not ask');
  onStream(stream.command('remove <stream> <group> [ids...]'), remove)
    .description('delete dead letters of a group permanently')
    .option('--all', 'every dead letter')
    .option('-y, --yes', 'do not ask');
  onStream(stream.command('remove-group <stream> <group>'), removeGroup)
    .description('delete a group that nobody reads any more, with its dead letters')
    .option('-y, --yes', 'do not ask');
  onStream(stream.command('replay <stream> <group> <from>'), replay)
    .description('let a group handle again what came since an entry id, an ISO 8601 time, or "beginning"')
    .option('-y, --yes', 'do not ask');
}

function onStream(
  command: Command,
  act: (target: StreamTarget, ...words: never[]) => Promise<void>,
): Command {
  return command.action((stream: string, ...rest: unknown[]) => {
    const words = rest.slice(0, -2) as never[];
    return withInstance(command, (place, global) => {
      const streams = new StreamService(place);
      return act({ streams, stream, options: command.opts(), global }, ...words);
    });
  });
}

async function info(target: StreamTarget): Promise<void> {
  const found = await existing(target);
  if (target.global.json) return printJson(found);
  print(`${found.length} entries, ${found.oldest ?? '-'} to ${found.newest ?? '-'}`);
  const cells = found.groups.map(({ name, lag, pending, consumers, oldestPendingAt, deadLetters }) => [
    ...[name, lag ?? '?', pending, oldestPendingAt?.toISOString() ?? '-', consumers, deadLetters],
  ]);
  printTable(['GROUP', 'LAG', 'PENDING', 'OLDEST PENDING', 'CONSUMERS', 'DEAD'], cells);
}

async function tail(target: StreamTarget): Promise<void> {
  const { streams, stream, options, global } = target;
  await existing(target);
  const entries = (await streams.range(stream, { limit: options.limit, reverse: true })).toReversed();
  if (global.json) return printJson(entries);
  for (const { id, type, data } of entries) print(`${id}  ${jsonText(type ?? '-')}  ${jsonText(data)}`);
}

async function dead(target: StreamTarget, group: string): Promise<void> {
  const { streams, stream, options, global } = target;
  await existing(target, group);
  const letters = await streams.deadLetters(stream, { group, limit: options.limit });
  if (global.json) return printJson(letters);
  if (letters.length === 0) return note('none');
  const cells = letters.map(({ id, entryId, type, diedAt, attempts, reason }) => [
    ...[id, entryId, type ?? '-', diedAt.toISOString(), attempts, reason],
  ]);
  printTable(['ID', 'ENTRY', 'TYPE', 'DIED', 'ATTEMPTS', 'REASON'], cells);
}

async function redrive(target: StreamTarget, group: string, ids: readonly string[]): Promise<void> {
  const { streams, stream, options } = target;
  const { all = false, yes = false } = options;
  if (all === ids.length > 0) throw new CommandFailure(ExitCode.usage, 'name the dead letters, or say --all');
  await existing(target, group);
  const what = all ? 'every dead letter' : `${ids.length}`;
  if (!(await confirm(`Redrive ${what} of ${group}?`, yes))) throw declined();
  const count = await streams.redrive(stream, all ? 'all' : ids, { group });
  note(`${count} given back to ${group}`);
  if (count >= ids.length) return;
  const reason = `${ids.length - count} were not there, or their entries are in flight`;
  throw new CommandFailure(ExitCode.notFound, reason);
}

async function remove(target: StreamTarget, group: string, ids: readonly string[]): Promise<void> {
  const { streams, stream, options } = target;
  const { all = false, yes = false } = options;
  if (all === ids.length > 0) throw new CommandFailure(ExitCode.usage, 'name the dead letters, or say --all');
  await existing(target, group);
  const what = all ? 'every dead letter' : `${ids.length}`;
  if (!(await confirm(`Delete ${what} of ${group} permanently?`, yes))) throw declined();
  const count = await streams.removeDeadLetters(stream, all ? 'all' : ids, { group });
  note(`${count} deleted from ${group}`);
  if (count < ids.length) throw new CommandFailure(ExitCode.notFound, `${ids.length - count} were not there`);
}

async function removeGroup(target: StreamTarget, group: string): Promise<void> {
  const { streams, stream, options } = target;
  await existing(target, group);
  if (
    !(await confirm(`Delete the group ${group} of ${stream}, with its dead letters?`, options.yes ?? false))
  )
    throw declined();
  await streams.removeGroup(stream, group).catch((error: unknown) => {
    if (!(error instanceof HydraError) || error.code !== 'BAD_OPTION') throw error;
    // The names are valid: it is refused because of the present state of the group.
    throw new CommandFailure(ExitCode.refused, `${group} is read by an instance: stop it first`);
  });
  note(`${group} is deleted`);
}

async function replay(target: StreamTarget, group: string, from: string): Promise<void> {
  const { streams, stream, options } = target;
  await existing(target, group);
  const place = parsePlace(from);
  if (!(await confirm(`Let ${group} handle ${stream} again from ${from}?`, options.yes ?? false)))
    throw declined();
  await streams.replay(stream, group, place);
  note(`${group} continues from ${from}`);
}

/** @throws CommandFailure when there is no such stream, or it has no such group */
async function existing({ streams, stream }: StreamTarget, group?: string): Promise<StreamInfo> {
  const found = await streams.info(stream);
  if (found.newest === undefined && found.groups.length === 0) {
    throw new CommandFailure(ExitCode.notFound, `there is no stream "${stream}"`);
  }
  if (group !== undefined && !found.groups.some(({ name }) => name === group)) {
    throw new CommandFailure(ExitCode.notFound, `the stream "${stream}" has no group "${group}"`);
  }
  return found;
}

function parsePlace(from: string): string | Date {
  if (from === 'beginning' || /^\d+-\d+$/.test(from)) return from;
  const time = new Date(from);
  if (!Number.isNaN(time.getTime())) return time;
  throw new CommandFailure(ExitCode.usage, `"${from}" is no entry id, no ISO 8601 time and not "beginning"`);
}
