import { createHash } from 'node:crypto';

import type { RedisClient } from './redis-connections.js';
import { isRefusedWith } from './redis-error.js';
import { ScriptFailure } from './script-failure.js';

/**
 * A Lua script, run by its hash; Redis is given the text when it does not know it (first use, SCRIPT FLUSH, failover).
 */
export class Script<Result> {
  private readonly sha: string;

  /**
   * @param name what errors call it: its folder and its name there
   * @param keys the number of KEYS it declares, for one that takes the same number always
   */
  constructor(
    private readonly name: string,
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
      return (await this.evaluate(redis, keys, args)) as Result;
    } catch (cause) {
      throw new ScriptFailure(this.name, cause);
    }
  }

  private async evaluate(
    redis: RedisClient,
    keys: number,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(this.sha, keys, ...args);
    } catch (error) {
      if (!isRefusedWith('NOSCRIPT', error)) throw error;
      return redis.eval(this.lua, keys, ...args);
    }
  }
}
