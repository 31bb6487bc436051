import type { RunningRedis } from './redis.mjs';

export interface RunningCluster {
  readonly seeds: readonly { host: string; port: number }[];
  readonly nodes: readonly RunningRedis[];
  stop(): Promise<unknown>;
}

/** A Redis Cluster of three primaries on this machine, each with a replica if wanted. */
export function startRedisCluster(options?: {
  readonly withReplicas?: boolean;
  readonly log?: (line: string) => void;
}): Promise<RunningCluster>;
