import { spawn } from 'node:child_process';

import type { Command } from 'commander';

import { ConfigStore } from '../../config/config-store.js';
import { untilStopped } from '../session/until-stopped.js';
import { parseCount, withInstance } from '../session/session.js';
import { note, print } from '../session/terminal.js';

interface DashboardCommandOptions {
  readonly port?: number;
  readonly open?: boolean;
}

const OPENERS: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', win32: 'explorer' };

export function addDashboardCommand(program: Command): void {
  program
    .command('dashboard')
    .description('a page about all services, for this machine alone, until Ctrl-C')
    .option('--port <n>', 'the port on 127.0.0.1 (default: a free one)', parseCount)
    .option('--open', 'show it in the browser')
    .action(({ port = 0, open }: DashboardCommandOptions, command: Command) =>
      withInstance(command, async (instance) => {
        const { DashboardCore } = await import('../../dashboard/dashboard-core.js');
        const { DashboardServer } = await import('../../dashboard/http/dashboard-server.js');
        const place = { instance, configs: new ConfigStore(instance), isService: false };
        const server = new DashboardServer(new DashboardCore(place, { who: userName }, note));
        try {
          const address = await server.start(port);
          print(address);
          if (open) show(address);
          await untilStopped();
        } finally {
          await server.close();
        }
      }),
    );
}

function userName(): string | undefined {
  return process.env['USER'] ?? process.env['USERNAME'];
}

/** With the program that this system opens addresses with; where there is no such program, a person has the address. */
function show(address: string): void {
  const program = OPENERS[process.platform] ?? 'xdg-open';
  const child = spawn(program, [address], { stdio: 'ignore', detached: true });
  child.once('error', () => note('there is no program here that opens addresses'));
  child.unref();
}
