import { createHash } from 'node:crypto';

import type { RedisClient } from './redis.connections.js';

/**
 * A Lua script, run by its hash; Redis is given the text when it does not know it (first use, SCRIPT FLUSH, failover).
 */
export class Script<Result> {
  private readonly sha: string;

  /** `keys` is the number of KEYS the script declares, for one that takes the same number always. */
  constructor(
    private readonly keys: number,
    private readonly lua: string,
  ) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  async run(
    redis: RedisClient,
    args: readonly (string | number)[],
    keys: number = this.keys,
  ): Promise<Result> {
    try {
      return (await redis.evalsha(this.sha, keys, ...args)) as Result;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return (await redis.eval(this.lua, keys, ...args)) as Result;
    }
  }
}
