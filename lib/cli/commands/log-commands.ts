import type { Command } from 'commander';

import { serviceName } from '../../hydra-options.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { isLevel } from '../../logging/running-level.js';
import type { InstanceLogEntry } from '../../registry/instance-logs.js';
import { knownService } from '../lookup/known-service.js';
import { instanceNamed, someLiveInstances } from '../lookup/live-instances.js';
import { parseDuration } from '../session/duration.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { parseCount, untilInterrupted, withInstance, type GlobalOptions } from '../session/session.js';
import { jsonText, note, plain, print, printJson } from '../session/terminal.js';

interface LogsOptions {
  readonly limit: number;
  readonly follow?: boolean;
  readonly instance?: string;
  readonly trace?: string;
}

const DEFAULT = 'default';

export function addLogCommands(program: Command): void {
  const logs = program
    .command('logs [service]')
    .description('what its instances logged, oldest first')
    .option('-n, --limit <count>', 'the newest so many', parseCount, 64)
    .option('-f, --follow', 'then what they log from now on, until Ctrl-C')
    .option('--instance <id>', 'of one instance, also one that is gone; the beginning of its id will do')
    .option('--trace <id>', 'only what was logged in this trace; of all services where none is named')
    .action((service: string | undefined, options: LogsOptions, command: Command) =>
      withInstance(command, async (place, global) => {
        await place.discovery.start(true);
        await showLogs(place, global, service, options);
      }),
    );
  logs
    .command('level <service> <level>')
    .description(
      `has a service keep lines of this level for a time: fatal, error, warn, log, debug, verbose; "${DEFAULT}" ends that`,
    )
    .option('--for <time>', 'how long, such as 90s, 10m or 2h', parseDuration, 600_000)
    .action((service: string, level: string, options: { for: number }, command: Command) =>
      withInstance(command, (place) => changeLevel(place, service, level, options.for)),
    );
}

async function showLogs(
  place: HydraInstance,
  global: GlobalOptions,
  given: string | undefined,
  options: LogsOptions,
): Promise<void> {
  const { limit, trace, follow = false, instance } = options;
  if (given === undefined) {
    if (trace === undefined || follow || instance !== undefined)
      throw new CommandFailure(ExitCode.usage, 'of which service? Only --trace goes without one');
    return showTrace(place, global, trace);
  }
  const { discovery } = place;
  const service = await knownService(place, given);
  const source =
    instance === undefined ? service : { service, instance: await instanceNamed(place, service, instance) };
  // One that is about to start may be waited for.
  if (instance === undefined && !follow) await someLiveInstances(place, service);
  if (!follow) {
    const entries = await discovery.logs(source, { limit, ...(trace !== undefined && { trace }) });
    if (global.json) return printJson(entries);
    if (entries.length === 0)
      note('no lines are kept: an application keeps them with HydraLogger as its logger');
    return entries.forEach((entry) => printEntry(entry));
  }
  const show = global.json ? (entry: InstanceLogEntry) => print(jsonText(entry)) : printEntry;
  await untilInterrupted(discovery.follow(source, { limit }), (entry) => {
    if (trace === undefined || entry.traceId === trace) show(entry);
  });
}

/** What all services logged in one trace, of the lines that are still kept. */
async function showTrace(place: HydraInstance, { json }: GlobalOptions, trace: string): Promise<void> {
  const { discovery } = place;
  const found = await Promise.all(discovery.services().map((service) => discovery.logs(service, { trace })));
  const entries = found.flat().toSorted((a, b) => a.timestamp.localeCompare(b.timestamp));
  if (json) return printJson(entries);
  if (entries.length === 0) return note(`no line of trace ${trace} is kept`);
  for (const entry of entries) printEntry(entry, entry.service);
}

async function changeLevel(
  { redis, keys }: HydraInstance,
  given: string,
  level: string,
  forMs: number,
): Promise<void> {
  const service = serviceName(given);
  if (level === DEFAULT) {
    const removed = await redis.run('log level', (client) => client.del(keys.logLevel(service)));
    return print(removed > 0 ? `${service} logs as its options say` : `${service} did so already`);
  }
  if (!isLevel(level))
    throw new CommandFailure(
      ExitCode.usage,
      `"${level}" is no level: fatal, error, warn, log, debug, verbose`,
    );
  await redis.run('log level', (client) => client.set(keys.logLevel(service), level, 'PX', forMs));
  print(`${service} keeps lines from ${level} on for ${forMs / 1_000} s; its instances begin within 5 s`);
}

function printEntry({ timestamp, level, instance, message }: InstanceLogEntry, service = ''): void {
  const text = typeof message === 'string' ? message : JSON.stringify(message);
  // A stack has many lines; those after the first must not look like entries of their own.
  const lines = text.split(/\r?\n/).map(plain).join('\n    ');
  const who = `${service && `${plain(service)} `}${instance.slice(0, 8)}`;
  print(`${plain(timestamp)} ${plain(level).padEnd(5)} ${who} ${lines}`);
}
