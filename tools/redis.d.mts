export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  /** False for the Redis of REDIS_URL, which is never stopped. */
  readonly owned: boolean;
  readonly pid: number | undefined;
  /** Ends it and removes its folder; fine to call twice. */
  stop(): Promise<void>;
  /** SIGKILL: connections break, nothing is saved. */
  kill9(): Promise<void>;
  /** Starts it again on the same port, ending it first if it still runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export interface StartRedisOptions {
  /** Default: a free one. */
  port?: number | undefined;
  /** Added to the command line, where a later option wins over our own. */
  args?: string[] | undefined;
  /** Working folder, left in place; default: a temporary one. */
  dir?: string | undefined;
  log?: ((line: string) => void) | undefined;
  /** Never the Redis of REDIS_URL. */
  ownOnly?: boolean | undefined;
}

export type RedisRoute = { kind: 'server'; binary: string } | { kind: 'docker' };

export function findRedis(options?: { log?: (line: string) => void }): Promise<RedisRoute>;
export function startRedis(options?: StartRedisOptions): Promise<RunningRedis>;
