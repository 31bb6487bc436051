import { setTimeout as sleep } from 'node:timers/promises';

import type { Command } from 'commander';

import { serviceName } from '../../hydra-options.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { CommandFailure, declined, ExitCode } from '../session/command-failure.js';
import { leftBehind, type LeftBehind } from '../lookup/left-behind.js';
import { StreamService } from '../../streams/stream-service.js';
import { withInstance, type GlobalOptions } from '../session/session.js';
import { confirm, note, printJson, printTable } from '../session/terminal.js';

/**
 * How long a Hydra 1.x process may have an instance in its cache. It crashes when the entry of that instance is deleted
 * earlier.
 */
const HYDRA_CACHE_MS = 3_000;
const AT_ONCE = 500;

interface ForgetOptions {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export function addForgetCommand(program: Command): void {
  program
    .command('forget <service>')
    .description(
      'remove all that a service left behind: registry, configurations, jobs, logs, consumer groups',
    )
    .option('--dry-run', 'show what is there, and remove nothing')
    .option('-y, --yes', 'do not ask')
    .action((service: string, options: ForgetOptions, command: Command) =>
      withInstance(command, (place, global) => forget(place, global, service, options)),
    );
}

async function forget(
  place: HydraInstance,
  { json }: GlobalOptions,
  given: string,
  { dryRun = false, yes = false }: ForgetOptions,
): Promise<void> {
  const service = serviceName(given);
  const found = await leftBehind(place, service);
  refuseAlive(service, found);
  if (found.isNothing) throw new CommandFailure(ExitCode.notFound, `there is no service "${service}"`);
  if (json) printJson(found.parts);
  else
    printTable(
      ['WHAT', 'KEYS', 'ELEMENTS'],
      found.parts.map(({ what, keys, elements }) => [what, keys, elements]),
    );
  if (dryRun) return note('dry run: nothing was removed');
  if (!(await confirm(`Remove all of ${service} permanently?`, yes))) throw declined();
  await remove(place, service);
}

/** Reads again what exists now, which may be more than was shown. Refuses if the service is alive again. */
async function remove(place: HydraInstance, service: string): Promise<void> {
  const found = await leftBehind(place, service);
  refuseAlive(service, found);
  const { redis, keys } = place;
  const streams = new StreamService(place);
  for (const { stream } of found.groups) await streams.removeGroup(stream, service);
  for (let start = 0; start < found.keys.length; start += AT_ONCE) {
    const some = found.keys.slice(start, start + AT_ONCE);
    await redis.run('remove keys', (client) => client.unlink(...some));
  }
  await redis.run('leave the directory', (client) => client.srem(keys.directory, service));
  if (found.nodes.length > 0) {
    await sleep(HYDRA_CACHE_MS);
    await redis.run('remove nodes', (client) => client.hdel(keys.nodes, ...found.nodes));
  }
  const counts = [
    counted(found.keys.length, 'key'),
    counted(found.nodes.length, 'instance'),
    counted(found.groups.length, 'consumer group'),
  ];
  note(`${service} is forgotten: ${counts.join(', ')}`);
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function refuseAlive(service: string, { alive, groups }: LeftBehind): void {
  const read = groups.find(({ isRead }) => isRead);
  if (alive.length === 0 && !read) return;
  const what = `"${service}" has ${alive.length === 1 ? `a live instance, ${alive[0]}` : `${alive.length} live instances`}`;
  const group = `the group "${service}" of stream "${read?.stream}" is read by a live instance`;
  throw new CommandFailure(ExitCode.refused, `${alive.length > 0 ? what : group}: stop it first`);
}
