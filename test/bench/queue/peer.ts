/** What a job holds: its number, when it was added (Linux keeps one monotonic clock for all processes), and some text. */
export interface JobData {
  readonly id: number;
  readonly at: number;
  readonly text: string;
}

export const jobData = (id: number): JobData => ({ id, at: now(), text: 'a job of the usual kind' });

/** Milliseconds of the machine's monotonic clock, the same in every process. */
export const now = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

export interface Producer {
  add(data: JobData): Promise<unknown>;
  addBulk(data: readonly JobData[]): Promise<unknown>;
  /** Jobs that wait. */
  waiting(): Promise<number>;
  /** What not every queue has. The ids are those of jobs that wait: one by one, and all of them at first. */
  readonly daily?: DailyUse;
}

/** What is done with jobs day by day. */
export interface DailyUse {
  /** Gives its id. */
  addPlain(data: JobData): Promise<string>;
  /** One of three priorities. */
  addWithPriority(data: JobData): Promise<unknown>;
  /** Due in a minute. */
  addDelayed(data: JobData): Promise<unknown>;
  /** Whether it was found. */
  get(id: string): Promise<boolean>;
  remove(id: string): Promise<boolean>;
}

/** Takes nothing until it is resumed. */
export interface Consumer {
  resume(): Promise<unknown>;
  pause(): Promise<unknown>;
}

/** What so many queues with a worker each have at rest: nothing, or a job that is due in an hour. */
export type Rest = 'nothing' | 'a delayed job';

/** One queue: each file in `peers/` exports one as `peer`. */
export interface Peer {
  /** Reads so many queues in this process, in each of which nothing is to be done. */
  idle?(redisUrl: string, queues: number, rest: Rest): Promise<unknown>;
  /** Hears of jobs that completed. */
  listen?(redisUrl: string, heard: () => void, isDurable: boolean): Promise<unknown>;
  produce(redisUrl: string): Promise<Producer>;
  consume(redisUrl: string, concurrency: number, handle: (data: JobData) => void): Promise<Consumer>;
}

/** The peer that this process was started for, and its place. */
export async function ownPeer(): Promise<{ readonly peer: Peer; readonly redisUrl: string }> {
  const [name = '', redisUrl = ''] = process.argv.slice(2);
  const { peer } = (await import(`./peers/${name}.js`)) as { peer: Peer };
  return { peer, redisUrl };
}
