import { createHash } from 'node:crypto';

import type { RedisClient } from './redis-connections.js';
import { isRefusedWith, isReply } from './redis-error.js';
import { ScriptFailure } from './script-failure.js';

/** What a script does: one that only reads needs no right to write its keys. */
export type ScriptKind = 'reads' | 'writes';

/** This server does not know the command (before 7.0), or this user was given EVALSHA only. */
const NO_READ_ONLY = /^ERR unknown command|^NOPERM .*'eval(?:sha)?_ro'/i;

/** Clients whose server runs no script by EVALSHA_RO. */
const withoutReadOnly = new WeakSet<RedisClient>();

/**
 * A Lua script, run by its hash; Redis is given the text when it does not know it (first use, SCRIPT FLUSH, failover). One
 * that only reads goes by EVALSHA_RO where that is known, so that the right to read its keys is enough.
 */
export class Script<Result> {
  private readonly sha: string;

  /**
   * @param name what errors call it: its folder and its name there
   * @param keys the number of KEYS it declares, for one that takes the same number always
   * @param kind whether it only reads
   */
  constructor(
    readonly name: string,
    private readonly keys: number,
    readonly lua: string,
    readonly kind: ScriptKind = 'writes',
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
    if (this.kind === 'writes' || withoutReadOnly.has(redis)) {
      const byHash = redis.evalsha(this.sha, keys, ...args);
      return this.orByText(byHash, () => redis.eval(this.lua, keys, ...args));
    }
    try {
      const run = redis.call('EVALSHA_RO', this.sha, keys, ...args);
      return await this.orByText(run, () => redis.call('EVAL_RO', this.lua, keys, ...args));
    } catch (error) {
      if (!isReply(error) || !NO_READ_ONLY.test(error.message)) throw error;
      withoutReadOnly.add(redis);
      return this.evaluate(redis, keys, args);
    }
  }

  private async orByText(byHash: Promise<unknown>, byText: () => Promise<unknown>): Promise<unknown> {
    try {
      return await byHash;
    } catch (error) {
      if (!isRefusedWith('NOSCRIPT', error)) throw error;
      return byText();
    }
  }
}
