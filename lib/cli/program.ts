import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { addAclCommand } from './commands/acl-command.js';
import { addDashboardCommand } from './commands/dashboard-command.js';
import { addDoctorCommand } from './commands/doctor-command.js';
import { addConfigCommands } from './commands/config-commands.js';
import { isRefusedWith } from '../redis/redis-error.js';
import { ExitCode, exitCodeOf } from './session/command-failure.js';
import { addForgetCommand } from './commands/forget-command.js';
import { addLogCommands } from './commands/log-commands.js';
import { addQueueCommands } from './commands/queue-commands.js';
import { addServiceCommands } from './commands/service-commands.js';
import { addRedisCommand } from './commands/redis-command.js';
import { parseCount } from './session/session.js';
import { addTopologyCommand } from './commands/topology-command.js';
import { addStreamCommands } from './commands/stream-commands.js';
import { note, paint } from './session/terminal.js';

/** All commands. A new group needs one line here. */
export function createProgram(): Command {
  const program = new Command('nestjs-hydra')
    .description(
      'Looks after services on Redis: their configuration, who is alive, how they are, their jobs and events.',
    )
    .version(version(), '-V, --version', 'print the version')
    .option('--redis <url>', 'where Redis is (default: HYDRA_REDIS_URL, else redis://127.0.0.1:6379)')
    .option('--cluster', 'the URL is that of one node of a Redis Cluster')
    .option('--layout <name>', 'how keys are named: classic or hash-tags (default: hash-tags with --cluster)')
    .option('--sentinel <name>', 'the URL is that of a Sentinel, which knows the primary by this name')
    .option(
      '--tls-ca <file>',
      'TLS: certificates of those who may sign the one of Redis (HYDRA_REDIS_TLS_CA)',
    )
    .option('--tls-cert <file>', 'TLS: certificate of this side (HYDRA_REDIS_TLS_CERT)')
    .option('--tls-key <file>', 'TLS: its private key (HYDRA_REDIS_TLS_KEY)')
    .option('--tls-servername <name>', 'TLS: the name of the certificate (HYDRA_REDIS_TLS_SERVERNAME)')
    .option('--namespace <name>', 'first part of every key', 'hydra')
    .option(
      '--timeout <ms>',
      'how long to wait for Redis (default: 5000; not at all where nobody listens)',
      parseCount,
    )
    .option('--json', 'print JSON, for programs')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true });
  addConfigCommands(program);
  addServiceCommands(program);
  addLogCommands(program);
  addQueueCommands(program);
  addStreamCommands(program);
  addTopologyCommand(program);
  addForgetCommand(program);
  addRedisCommand(program);
  addAclCommand(program);
  addDoctorCommand(program);
  addDashboardCommand(program);
  return program;
}

/** Of the package that this file is in. */
function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version?: string }).version ?? 'unknown';
}

/** Runs one command line and resolves with the exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return ExitCode.done;
  } catch (error) {
    // Commander has printed it already; help and --version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage;
    const text = error instanceof Error ? error.message : String(error);
    if (text !== '') note(`${paint('error:', 'red', process.stderr)} ${text}`);
    if (text.includes('a node of a Cluster')) note('on the command line: --cluster');
    if (text.includes('several servers share the keys')) note('on the command line: --layout hash-tags');
    if (isRefusedWith('READONLY', error))
      note('this Redis is a replica: it can be read, and only its primary can be written');
    return exitCodeOf(error);
  }
}
