import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { findProgram } from '../../../tools/command.mjs';
import { freePort } from '../../../tools/free-port.mjs';
import { watchProcess } from '../../../tools/watchdog.mjs';

/** Starts the `nats-server` on PATH; undefined where there is none. It ends with this process. */
export async function startNats(): Promise<string | undefined> {
  const program = findProgram('nats-server');
  if (!program) return undefined;
  const port = await freePort();
  const server = spawn(program, ['-a', '127.0.0.1', '-p', String(port)], { stdio: 'ignore', detached: true });
  watchProcess(server.pid!);
  server.unref();
  while (!(await listens(port))) await sleep(20);
  return `nats://127.0.0.1:${port}`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.once('close', () => resolve(false)).once('connect', () => socket.destroy());
  });
}
