import { fileURLToPath } from 'node:url';

import { startChild, type Child, type ChildLine } from '../support/child.js';
import { eventually } from '../support/eventually.js';

const PROGRAM = fileURLToPath(new URL('./queue-worker.ts', import.meta.url));

/** One line of the ledger: what a worker said, and when it was heard. */
export interface Entry {
  readonly at: number;
  readonly pid: number;
  readonly line: ChildLine;
}

/** Worker processes, and the ledger of what they did, which is kept here and nowhere else. */
export class WorkerFleet {
  readonly ledger: Entry[] = [];
  readonly workers = new Set<Child>();
  /** When each of those that are gone was killed. */
  readonly deaths = new Map<number, number>();

  constructor(private readonly env: Record<string, string>) {}

  /** Does not wait until it works. */
  spawn(env: Record<string, string> = {}): Child {
    const worker = startChild(PROGRAM, { env: { ...this.env, ...env }, readyTimeoutMs: 60_000 });
    worker.onLine((line) => this.ledger.push({ at: performance.now(), pid: worker.pid, line }));
    return worker;
  }

  async add(env: Record<string, string> = {}): Promise<Child> {
    const worker = this.spawn(env);
    await worker.ready;
    this.workers.add(worker);
    return worker;
  }

  addMany(count: number, env: Record<string, string> = {}): Promise<Child[]> {
    return Promise.all(Array.from({ length: count }, () => this.add(env)));
  }

  async kill(worker: Child, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.workers.delete(worker);
    this.deaths.set(worker.pid, performance.now());
    await worker.kill(signal);
  }

  /** Ids in the order in which a worker said so. */
  said(what: 'started' | 'stepped' | 'done'): string[] {
    return this.ledger.flatMap(({ line }) => (typeof line[what] === 'string' ? [line[what]] : []));
  }

  /** All that workers said is done, once these are among it, or had time to be: what a process prints comes later than what Redis has. */
  async doneWith(ids: readonly string[]): Promise<readonly string[]> {
    const isWhole = () => {
      const done = new Set(this.said('done'));
      return ids.every((id) => done.has(id));
    };
    // What is missing in the end is for the test to judge.
    await eventually(isWhole, { what: 'the workers to say so' }).catch(() => undefined);
    return this.said('done');
  }

  starts(id: string): Entry[] {
    return this.ledger.filter(({ line }) => line['started'] === id);
  }

  /** For each job that was in the hands of a worker when that died: how long until it started elsewhere, in ms. */
  redeliveryMs(): number[] {
    const done = new Set(this.ledger.map(({ pid, line }) => `${pid} ${String(line['done'])}`));
    return this.ledger.flatMap(({ at, pid, line }) => {
      const id = line['started'];
      const diedAt = this.deaths.get(pid);
      if (typeof id !== 'string' || diedAt === undefined || done.has(`${pid} ${id}`)) return [];
      const next = this.starts(id).find((start) => start.at > at && start.pid !== pid);
      return next ? [next.at - diedAt] : [];
    });
  }
}
