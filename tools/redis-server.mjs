/** One `redis-server` or `valkey-server` process of our own: private, on a free port, in its own folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.mjs';
import { forgetProcess, watchFolder, watchProcess } from './watchdog.mjs';

const START_TRIES = 20;
const READY_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 2_000;

export async function startServer({ binary, port, args = [], dir, log = () => {} }) {
  const folder = dir ?? (await mkdtemp(join(tmpdir(), 'hydra-redis-')));
  if (!dir) watchFolder(folder);

  let running = await launchOnFreePort({ binary, port, args, folder });
  const ownPort = running.port;
  log(`Redis is up on 127.0.0.1:${ownPort}`);

  async function end(signal) {
    const { child, exited } = running;
    // Nothing else may be keeping this process up, and the wait for the end of the other one has to.
    child.ref();
    child.kill(signal);
    const late = sleep(STOP_TIMEOUT_MS, 'late', { ref: false });
    // A stopped (SIGSTOP) process does not hear SIGTERM.
    if ((await Promise.race([exited, late])) === 'late') child.kill('SIGKILL');
    await exited;
  }

  return {
    url: `redis://127.0.0.1:${ownPort}`,
    port: ownPort,
    owned: true,
    get pid() {
      return running.child.pid;
    },
    kill9: () => end('SIGKILL'),
    async stop() {
      await end('SIGTERM');
      if (!dir) await rm(folder, { recursive: true, force: true });
    },
    async restart() {
      await end('SIGTERM');
      running = await launchOnFreePort({ binary, port: ownPort, args, folder });
    },
    async pause() {
      running.child.kill('SIGSTOP');
    },
    async resume() {
      running.child.kill('SIGCONT');
    },
  };
}

/** A port found free can be taken before Redis binds it; so Redis itself is the judge, and another try follows. */
async function launchOnFreePort({ binary, port, args, folder }) {
  for (let tryNo = 1; ; tryNo++) {
    const chosen = port ?? (await freePort());
    const launched = await launch({ binary, port: chosen, args, folder });
    if (launched.child.exitCode === null) return { ...launched, port: chosen };
    const logText = await readFile(join(folder, 'redis.log'), 'utf8').catch(() => '');
    const taken = /Address already in use|Could not create server TCP listening socket|Failed listening/.test(
      logText,
    );
    if (!taken || tryNo === START_TRIES) {
      throw new Error(
        `${binary} did not start on port ${chosen}: ${logText.slice(-800) || launched.stderr()}`,
      );
    }
    await rm(join(folder, 'redis.log'), { force: true });
    await sleep(50);
  }
}

/** Resolves once Redis answers, or once it has exited; the caller looks which. */
async function launch({ binary, port, args, folder }) {
  const own = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--logfile',
    join(folder, 'redis.log'),
  ];
  const child = spawn(binary, [...own, '--save', '', '--appendonly', 'no', ...args], {
    cwd: folder,
    // Its own process group: on Ctrl-C the clients drain first, against a Redis that is still there.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errorText = '';
  child.stderr.on('data', (chunk) => (errorText += chunk));
  const exited = Promise.race([once(child, 'exit'), once(child, 'error')]).catch(
    (error) => (errorText += error),
  );
  await Promise.race([once(child, 'spawn'), exited]);
  if (child.pid === undefined) throw new Error(`${binary} could not be started: ${errorText}`);
  watchProcess(child.pid);
  child.once('exit', () => forgetProcess(child.pid));
  child.unref();
  child.stderr.unref();
  await untilReady({ child, port });
  return { child, exited, stderr: () => errorText };
}

async function untilReady({ child, port }) {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!hasExited(child)) {
    if (await answers(port, child.pid)) return;
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`Redis on port ${port} gave no answer within ${READY_TIMEOUT_MS} ms`);
    }
    await sleep(10);
  }
}

const hasExited = (child) => child.exitCode !== null || child.signalCode !== null;

/** Asks for the process id, since on a port lost to another Redis a plain PING would be answered by that one. */
function answers(port, pid) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO server\r\n'));
    let text = '';
    const done = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => done(false));
    socket.on('error', () => done(false));
    socket.on('close', () => done(false));
    socket.on('data', (chunk) => {
      text += chunk;
      // With a password asked for, the owner cannot be told; that it is a Redis must do.
      if (text.startsWith('-NOAUTH') || text.includes(`process_id:${pid}\r`)) done(true);
    });
  });
}
