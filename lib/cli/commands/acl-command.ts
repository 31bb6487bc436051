import type { Command } from 'commander';

import { aclNotes, aclRules, ACL_SERVERS, DEFAULT_ROLES, type AclOptions } from '../../access/acl-rules.js';
import { ACL_ROLES } from '../../access/roles.js';
import { serviceName } from '../../hydra-options.js';
import { LAYOUTS, parseChoice, type GlobalOptions } from '../session/session.js';
import { note, print, printJson } from '../session/terminal.js';

const FORMATS = ['redis', 'azure', 'elasticache'] as const;
type Format = (typeof FORMATS)[number];

interface Given {
  readonly roles?: string;
  readonly calls?: string;
  readonly queues?: string;
  readonly streams?: string;
  readonly consumes?: string;
  readonly readsConfig?: string;
  readonly writesConfig?: string;
  readonly server: string;
  readonly format: string;
}

/** Rights are computed from names alone: no Redis is asked. */
export function addAclCommand(program: Command): void {
  program
    .command('acl <service>')
    .description('print the least rights that the user of a service needs on Redis')
    .option('--roles <names>', `what it does: ${ACL_ROLES.join(', ')} (default: ${DEFAULT_ROLES.join(',')})`)
    .option('--calls <services>', 'services that it calls')
    .option('--queues <services>', 'services to whose queues it adds; service/queue for one of several')
    .option('--streams <names>', 'streams that it publishes to')
    .option('--consumes <names>', 'streams that it reads as a consumer')
    .option('--reads-config <services>', 'other services whose configuration it reads')
    .option('--writes-config <services>', 'other services whose configuration it writes')
    .option('--server <version>', `the oldest server to take the rules: ${ACL_SERVERS.join(', ')}`, '7.0')
    .option('--format <name>', `for whom: ${FORMATS.join(', ')}`, 'redis')
    .action((service: string, given: Given, command: Command) => {
      const options = optionsOf(given, command.optsWithGlobals());
      const format = parseChoice('format', given.format, FORMATS);
      const rules = aclRules(service, options);
      if (command.optsWithGlobals<GlobalOptions>().json) printJson({ service: serviceName(service), rules });
      else print(textOf(serviceName(service), rules, format));
      for (const text of aclNotes(options)) note(text);
    });
}

/** The rules as each kind of server takes them. */
function textOf(service: string, rules: readonly string[], format: Format): string {
  if (format === 'redis') return `ACL SETUSER ${service} on >PASSWORD ${rules.join(' ')}`;
  // Both begin with a user without keys; a password belongs elsewhere. Whether it begins with channels is a setting there.
  const added = rules.filter((word) => word !== 'resetkeys' && word !== 'clearselectors').join(' ');
  return format === 'azure' ? added : `on ${added}`;
}

function optionsOf(given: Given, { namespace, layout, cluster }: GlobalOptions): AclOptions {
  const named = layout ?? (cluster ? 'hash-tags' : 'classic');
  const { roles } = given;
  return {
    ...(roles !== undefined && { roles: listOf(roles).map((role) => parseChoice('role', role, ACL_ROLES)) }),
    calls: listOf(given.calls),
    queues: listOf(given.queues),
    streams: listOf(given.streams),
    consumes: listOf(given.consumes),
    readsConfig: listOf(given.readsConfig),
    writesConfig: listOf(given.writesConfig),
    namespace,
    layout: parseChoice('layout', named, LAYOUTS),
    server: parseChoice('server', given.server, ACL_SERVERS),
  };
}

function listOf(text = ''): readonly string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}
