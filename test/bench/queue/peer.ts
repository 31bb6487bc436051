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
}

/** Takes nothing until it is resumed. */
export interface Consumer {
  resume(): Promise<unknown>;
  pause(): Promise<unknown>;
}

/** One queue: each file in `peers/` exports one as `peer`. */
export interface Peer {
  produce(redisUrl: string): Promise<Producer>;
  consume(redisUrl: string, concurrency: number, handle: (data: JobData) => void): Promise<Consumer>;
}

/** The peer that this process was started for, and its place. */
export async function ownPeer(): Promise<{ readonly peer: Peer; readonly redisUrl: string }> {
  const [name = '', redisUrl = ''] = process.argv.slice(2);
  const { peer } = (await import(`./peers/${name}.js`)) as { peer: Peer };
  return { peer, redisUrl };
}
