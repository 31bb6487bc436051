import type { LoadResult } from '../support/load.js';
import type { Run } from '../support/rounds.js';
import { startWorker, type Worker } from '../support/worker.js';
import type { CallLoad } from './caller.js';
import type { Place } from './peer.js';

/** One peer at work: the process that calls, and the processes that answer. */
export interface Pair {
  readonly name: string;
  readonly caller: Worker;
  readonly servers: readonly Worker[];
  run(load: CallLoad): Promise<LoadResult & Run>;
  stop(): Promise<void>;
}

export interface PairOptions {
  /** One process for each; its environment. @defaultValue [{}] */
  readonly servers?: readonly Readonly<Record<string, string>>[];
  /** The caller's environment. */
  readonly caller?: Readonly<Record<string, string>>;
}

const serverFile = new URL('./server.ts', import.meta.url);
const callerFile = new URL('./caller.ts', import.meta.url);

/** @param file a file in `peers/`, without its ending */
export async function startPair(
  name: string,
  file: string,
  place: Place,
  { servers: environments = [{}], caller: callerEnv = {} }: PairOptions = {},
): Promise<Pair> {
  const args = [file, JSON.stringify(place)];
  const servers = await Promise.all(environments.map((env) => startWorker(serverFile, { args, env })));
  const caller = await startWorker(callerFile, { args, env: callerEnv });
  return {
    name,
    caller,
    servers,
    async run(load) {
      const before = await cpuOf(servers);
      const result = await caller.ask<LoadResult>('load', load);
      return { ...result, serverCpuMs: (await cpuOf(servers)) - before };
    },
    async stop() {
      await Promise.all([caller, ...servers].map((worker) => worker.stop()));
    },
  };
}

async function cpuOf(workers: readonly Worker[]): Promise<number> {
  const used = await Promise.all(workers.map((worker) => worker.ask<number>('cpu')));
  return used.reduce((total, ms) => total + ms, 0);
}
