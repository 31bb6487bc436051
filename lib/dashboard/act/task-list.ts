import type { Clock } from '../../runtime/clock.js';
import type { DashboardAction } from '../access/actions.js';
import { Refusal } from '../http/refusal.js';

/** Something that was begun on the page and takes a while. */
export interface Task {
  readonly id: string;
  readonly action: DashboardAction;
  /** What is done, for people. */
  readonly what: string;
  readonly who: string;
  /** How many there are to do; undefined where nobody has counted. */
  readonly total: number | undefined;
  readonly done: number;
  readonly state: 'running' | 'stopping' | 'done' | 'stopped' | 'failed';
  readonly error: string | undefined;
}

/** What is begun, before it has an id. */
export type NewTask = Pick<Task, 'action' | 'what' | 'who' | 'total'>;

/** Work that tells its progress, and gives how many it did. What `progress` throws ends it. */
export type Work = (progress: (done: number) => void) => Promise<number>;

const MAX_RUNNING = 4;
/** Ended tasks that are still shown. */
const MAX_ENDED = 20;

class Stopped extends Error {}

/** What runs on behalf of viewers. It continues when they leave. */
export class TaskList {
  private tasks: readonly Task[] = [];
  private count = 0;
  private readonly running = new Map<string, Promise<Task>>();

  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  get all(): readonly Task[] {
    return this.tasks;
  }

  /** @throws Refusal where too many run */
  begin(given: NewTask, work: Work, ended: (task: Task) => void): Task {
    if (this.running.size >= MAX_RUNNING)
      throw new Refusal(429, `${MAX_RUNNING} tasks run already: wait for one of them, or stop it`);
    const id = `${this.clock.now().toString(36)}-${++this.count}`;
    const task: Task = { ...given, id, done: 0, state: 'running', error: undefined };
    this.tasks = [task, ...withoutOldest(this.tasks)];
    this.running.set(
      id,
      this.run(id, work).finally(() => {
        this.running.delete(id);
        ended(this.find(id) ?? task);
      }),
    );
    return task;
  }

  find(id: string): Task | undefined {
    return this.tasks.find((task) => task.id === id);
  }

  /** It ends after its present step. False for one that does not run. */
  stop(id: string): boolean {
    if (this.find(id)?.state !== 'running') return false;
    this.change(id, { state: 'stopping' });
    return true;
  }

  close(): void {
    for (const id of this.running.keys()) this.stop(id);
  }

  /** Never rejects. */
  private async run(id: string, work: Work): Promise<Task> {
    try {
      const done = await work((count) => {
        this.change(id, { done: count });
        if (this.find(id)?.state === 'stopping') throw new Stopped();
      });
      return this.change(id, { done, state: 'done' });
    } catch (error) {
      if (error instanceof Stopped) return this.change(id, { state: 'stopped' });
      const text = error instanceof Error ? error.message : String(error);
      return this.change(id, { state: 'failed', error: text });
    }
  }

  private change(id: string, change: Partial<Task>): Task {
    this.tasks = this.tasks.map((task) => (task.id === id ? { ...task, ...change } : task));
    return this.find(id)!;
  }
}

/** All that run, and the newest of those that have ended. */
function withoutOldest(tasks: readonly Task[]): Task[] {
  let ended = 0;
  return tasks.filter(({ state }) => state === 'running' || state === 'stopping' || ended++ < MAX_ENDED);
}
