import type { Command } from 'commander';

import type { Instance } from '../hydra.options.js';
import type { DiscoveryService } from '../registry/discovery.service.js';
import { CommandFailure, ExitCode } from './exit-codes.js';
import { parseCount, withInstance, type GlobalOptions } from './session.js';
import { note, plain, print, printJson, printTable } from './terminal.js';

export function addServiceCommands(program: Command): void {
  program
    .command('services')
    .description('the services that have a live instance')
    .action((_: object, command: Command) => onDiscovery(command, services));
  program
    .command('nodes [service]')
    .description('the live instances')
    .action((service: string | undefined, _: object, command: Command) =>
      onDiscovery(command, (discovery, global) => nodes(discovery, global, service)),
    );
  program
    .command('health <service>')
    .description('how its instances are')
    .option('--check', 'end with 1 when an instance says that it cannot work')
    .action((service: string, { check }: { check?: boolean }, command: Command) =>
      onDiscovery(command, (discovery, global) => health(discovery, global, service, check)),
    );
  program
    .command('logs <service>')
    .description('what its instances logged, oldest first')
    .option('-n, --limit <count>', 'the newest so many', parseCount, 64)
    .action((service: string, { limit }: { limit: number }, command: Command) =>
      onDiscovery(command, (discovery, global) => logs(discovery, global, service, limit)),
    );
  program
    .command('routes [service]')
    .description('the HTTP routes that are registered')
    .action((service: string | undefined, _: object, command: Command) =>
      onDiscovery(command, (discovery, global) => routes(discovery, global, service)),
    );
}

async function services(discovery: DiscoveryService, { json }: GlobalOptions): Promise<void> {
  const found = await Promise.all(discovery.services().map((name) => instancesOf(discovery, name)));
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

async function nodes(
  discovery: DiscoveryService,
  { json }: GlobalOptions,
  service: string | undefined,
): Promise<void> {
  const names = service === undefined ? discovery.services().toSorted() : [service];
  const found = (await Promise.all(names.map((name) => instancesOf(discovery, name)))).flat();
  if (service !== undefined && found.length === 0) throw nobody(service);
  if (json) return printJson(found);
  const cells = found.map(({ service: name, id, version, host, port, pid, hostName, traits }) => [
    ...[name, id, version, `${host}:${port}`, `${hostName}/${pid}`, traits?.config ?? '-', stateOf(traits)],
  ]);
  printTable(['SERVICE', 'INSTANCE', 'VERSION', 'ADDRESS', 'PROCESS', 'CONFIG', 'STATE'], cells);
}

async function health(
  discovery: DiscoveryService,
  { json }: GlobalOptions,
  service: string,
  isCheck = false,
): Promise<void> {
  const records = await discovery.health(service);
  if (records.length === 0) throw nobody(service);
  const problems = records.flatMap(({ vitals }) => vitals?.problems ?? []);
  if (json) printJson(records);
  else {
    const cells = records.map(({ id, sampledOn, uptimeSeconds, memory, vitals }) => [
      ...[
        id,
        sampledOn,
        `${Math.round(uptimeSeconds)} s`,
        `${Math.round((memory['rss'] ?? 0) / 1_048_576)} MB`,
      ],
      ...[vitals === undefined ? '-' : `${Math.round(vitals.cpu * 100)} %`],
      [...(vitals?.problems ?? []), ...(vitals?.warnings ?? [])].join('; ') || 'fine',
    ]);
    printTable(['INSTANCE', 'SAMPLED', 'UPTIME', 'MEMORY', 'CPU', 'SAYS'], cells);
  }
  if (isCheck && problems.length > 0) throw new CommandFailure(ExitCode.failed, problems.join('; '));
}

async function logs(
  discovery: DiscoveryService,
  { json }: GlobalOptions,
  service: string,
  limit: number,
): Promise<void> {
  const entries = await discovery.logs(service, { limit });
  if (json) return printJson(entries);
  for (const { timestamp, level, pid, message } of entries) {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    print(`${plain(timestamp)} ${plain(level).padEnd(5)} ${pid} ${plain(text)}`);
  }
}

async function routes(
  discovery: DiscoveryService,
  { json }: GlobalOptions,
  service: string | undefined,
): Promise<void> {
  const names = service === undefined ? discovery.services().toSorted() : [service];
  for (const name of names) await discovery.viewOf(name.toLowerCase());
  const found = Object.fromEntries(names.flatMap((name) => Object.entries(discovery.routes(name))));
  if (json) return printJson(found);
  const cells = Object.entries(found).flatMap(([name, list]) => list.map((route) => [name, ...split(route)]));
  if (cells.length === 0) return note('no routes are registered');
  printTable(['SERVICE', 'VERB', 'PATH'], cells);
}

function onDiscovery(
  command: Command,
  act: (discovery: DiscoveryService, options: GlobalOptions) => Promise<void>,
): Promise<void> {
  return withInstance(command, async ({ discovery }, options) => {
    await discovery.start();
    await act(discovery, options);
  });
}

async function instancesOf(discovery: DiscoveryService, service: string): Promise<readonly Instance[]> {
  return (await discovery.viewOf(service.toLowerCase())).instances;
}

function stateOf(traits: Instance['traits']): string {
  if (traits === undefined) return 'hydra 1.x';
  if (traits.draining) return 'draining';
  return traits.serves ? 'serving' : 'calling';
}

/** `[get]/v1/sum` */
function split(route: string): [verb: string, path: string] {
  const end = route.indexOf(']');
  return [route.slice(1, end), route.slice(end + 1)];
}

function nobody(service: string): CommandFailure {
  return new CommandFailure(ExitCode.notFound, `"${service}" has no live instance`);
}
