/** The child's side of a benchmark: a process that carries out commands, sent over Node's IPC channel. */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { basename, join } from 'node:path';

type Command = (args: never) => unknown;

interface Request {
  readonly id: number;
  readonly command: string;
  readonly args: unknown;
}

/** Every process of a benchmark leaves its CPU profile there. */
const PROFILE_FOLDER = process.env['BENCH_CPU_PROF'];

/**
 * Says that this process is ready, and answers commands until the parent is gone. `cpu` (milliseconds of CPU used so
 * far) and `memory` (megabytes in use after a collection) are known to all.
 */
export function answerCommands(commands: Readonly<Record<string, Command>>): void {
  const known: Readonly<Record<string, Command>> = { cpu: cpuMs, memory: memoryMb, ...commands };
  process.on('message', (request: Request) => void answer(known, request));
  const saveProfile = PROFILE_FOLDER ? startProfile(PROFILE_FOLDER) : () => undefined;
  process.once('disconnect', () => {
    saveProfile();
    process.exit();
  });
  process.send!({ ready: true });
}

async function answer(commands: Readonly<Record<string, Command>>, request: Request): Promise<void> {
  const { id, command, args } = request;
  try {
    const run = commands[command];
    if (!run) throw new Error(`no command "${command}"`);
    process.send!({ id, result: await run(args as never) });
  } catch (error) {
    process.send!({ id, error: error instanceof Error ? error.stack : String(error) });
  }
}

/** From here on, unlike `--cpu-prof`: loading and compiling would be most of a short run. */
function startProfile(folder: string): () => void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  const name = [basename(process.argv[1]!, '.ts'), process.argv[2], process.pid].join('-');
  return () =>
    session.post('Profiler.stop', (_, { profile }) =>
      writeFileSync(join(folder, `${name}.cpuprofile`), JSON.stringify(profile)),
    );
}

/** User and system time of this process, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Heap and buffers in use, in megabytes, once what is not needed has been collected. */
export function memoryMb(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}
