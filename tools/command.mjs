/** Running other programs: found on PATH, run to the end, their output handed on line by line. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';

// Package managers install here, and a bare PATH (cron, CI, a fresh root shell) often lacks one of them.
const USUAL_FOLDERS = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/bin', '/opt/homebrew/bin'];

/** The full path of a program, or undefined when the machine has none of that name. */
export function findProgram(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...USUAL_FOLDERS];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end and returns its exit code; 127 when it could not be started.
 * With `log`, each output line is handed over; with `inherit`, the program writes to this terminal itself. With a
 * `priority` (1 to 19) it gets less time of the processors than others, as do those that it starts.
 */
export function run(program, args, options = {}) {
  const { log = () => {}, inherit = false, priority = 0, timeoutMs, ...others } = options;
  return new Promise((resolve) => {
    const stdio = inherit ? 'inherit' : ['ignore', 'pipe', 'pipe'];
    const child = spawn(program, args, { stdio, timeout: timeoutMs, ...others });
    if (priority > 0 && child.pid) letOthersPass(child.pid, priority);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', log);
    }
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Where the system forbids it, the program runs like the others. */
function letOthersPass(pid, priority) {
  try {
    setPriority(pid, priority);
  } catch {
    // It may also have ended already.
  }
}
