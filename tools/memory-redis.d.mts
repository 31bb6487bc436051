import type { RunningRedis } from './redis.mjs';

export function startMemoryRedis(options?: {
  port?: number | undefined;
  /** Settings as a server takes them: `['--maxmemory', '1mb']`. */
  args?: string[] | undefined;
  log?: ((line: string) => void) | undefined;
}): Promise<RunningRedis>;
