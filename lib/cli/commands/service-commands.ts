import type { Command } from 'commander';

import type { Instance } from '../../hydra-options.js';
import type { HealthRecord } from '../../protocol/records.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { knownService } from '../lookup/known-service.js';
import { liveInstances, someLiveInstances } from '../lookup/live-instances.js';
import { withInstance, type GlobalOptions } from '../session/session.js';
import { shortIds } from '../lookup/short-ids.js';
import { note, printJson, printTable } from '../session/terminal.js';

export function addServiceCommands(program: Command): void {
  program
    .command('services')
    .description('the services that have a live instance')
    .action((_: object, command: Command) => onDiscovery(command, services));
  program
    .command('instances [service]')
    .alias('nodes')
    .description('the live instances')
    .action((service: string | undefined, _: object, command: Command) =>
      onDiscovery(command, (place, global) => showInstances(place, global, service)),
    );
  program
    .command('health <service>')
    .description('how its instances are')
    .option('--check', 'end with 1 when an instance says that it cannot work')
    .action((service: string, { check }: { check?: boolean }, command: Command) =>
      onDiscovery(command, (place, global) => health(place, global, service, check)),
    );
  program
    .command('routes [service]')
    .description('the HTTP routes that are registered')
    .action((service: string | undefined, _: object, command: Command) =>
      onDiscovery(command, (place, global) => routes(place, global, service)),
    );
}

async function services(place: HydraInstance, { json }: GlobalOptions): Promise<void> {
  const { discovery } = place;
  const found = await Promise.all(discovery.services().map((name) => liveInstances(place, name)));
  const rows = found
    .filter((instances) => instances.length > 0)
    .map((instances) => ({
      service: instances[0]!.service,
      instances: instances.length,
      versions: [...new Set(instances.map(({ version }) => version))].toSorted(),
      type: discovery.find(instances[0]!.service)?.type ?? '',
    }))
    .toSorted((a, b) => a.service.localeCompare(b.service));
  if (json) return printJson(rows);
  const cells = rows.map((row) => [row.service, row.instances, row.versions.join(' '), row.type]);
  printTable(['SERVICE', 'INSTANCES', 'VERSIONS', 'TYPE'], cells);
}

async function showInstances(
  place: HydraInstance,
  { json }: GlobalOptions,
  service: string | undefined,
): Promise<void> {
  const all = async () => {
    const names = place.discovery.services().toSorted();
    return (await Promise.all(names.map((name) => liveInstances(place, name)))).flat();
  };
  const found = service === undefined ? await all() : await someLiveInstances(place, service);
  if (json) return printJson(found);
  const short = shortIds(found.map(({ id }) => id));
  const cells = found.map(({ service: name, id, version, host, port, pid, hostName, capabilities }) => [
    ...[name, short(id), version, port === 0 ? host : `${host}:${port}`],
    ...[`${hostName}/${pid}`, capabilities?.config ?? '-', stateOf(capabilities)],
  ]);
  printTable(['SERVICE', 'INSTANCE', 'VERSION', 'ADDRESS', 'PROCESS', 'CONFIG', 'STATE'], cells);
}

async function health(
  place: HydraInstance,
  { json }: GlobalOptions,
  given: string,
  isCheck = false,
): Promise<void> {
  const service = await knownService(place, given);
  const [records, alive] = await Promise.all([
    place.discovery.health(service),
    someLiveInstances(place, service),
  ]);
  // Hydra 1.x writes a record every 5 s, and it expires after 3 s: two of five reads find none.
  const without = alive.filter(({ id }) => !records.some((record) => record.id === id));
  if (json) printJson([...records, ...without.map(({ id }) => ({ id, service, sampledOn: null }))]);
  else printHealth(records, without);
  const problems = records.flatMap(({ vitals }) => vitals?.problems ?? []);
  if (isCheck && problems.length > 0) throw new CommandFailure(ExitCode.failed, problems.join('; '));
}

function printHealth(records: readonly HealthRecord[], without: readonly Instance[]): void {
  const short = shortIds([...records, ...without].map(({ id }) => id));
  const cells = records.map(({ id, sampledOn, uptimeSeconds, memory, vitals }) => [
    ...[short(id), sampledOn, `${Math.round(uptimeSeconds)} s`],
    `${Math.round((memory['rss'] ?? 0) / 1_048_576)} MB`,
    vitals === undefined ? '-' : `${Math.round(vitals.cpu * 100)} %`,
    [...(vitals?.problems ?? []), ...(vitals?.warnings ?? [])].join('; ') || 'fine',
  ]);
  for (const { id } of without)
    cells.push([short(id), '-', '-', '-', '-', 'alive; no health record just now']);
  printTable(['INSTANCE', 'SAMPLED', 'UPTIME', 'MEMORY', 'CPU', 'DETAILS'], cells);
}

async function routes(
  place: HydraInstance,
  { json }: GlobalOptions,
  service: string | undefined,
): Promise<void> {
  const { discovery } = place;
  const names =
    service === undefined ? discovery.services().toSorted() : [await knownService(place, service)];
  for (const name of names) await discovery.viewOf(name);
  const found = Object.fromEntries(names.flatMap((name) => Object.entries(discovery.routes(name))));
  if (json) return printJson(found);
  const cells = Object.entries(found).flatMap(([name, list]) => list.map((route) => [name, ...split(route)]));
  if (cells.length === 0) return note('no routes are registered');
  printTable(['SERVICE', 'VERB', 'PATH'], cells);
}

function onDiscovery(
  command: Command,
  act: (place: HydraInstance, options: GlobalOptions) => Promise<void>,
): Promise<void> {
  return withInstance(command, async (instance, options) => {
    await instance.discovery.start(true);
    await act(instance, options);
  });
}

function stateOf(capabilities: Instance['capabilities']): string {
  if (capabilities === undefined) return 'hydra 1.x';
  if (capabilities.draining) return 'draining';
  return capabilities.acceptsCalls ? 'serving' : 'calling';
}

/** `[get]/v1/sum` */
function split(route: string): [verb: string, path: string] {
  const end = route.indexOf(']');
  return [route.slice(1, end), route.slice(end + 1)];
}
