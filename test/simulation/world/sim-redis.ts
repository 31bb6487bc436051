import type { RandomSource } from '../../../lib/runtime/random-source.js';
import { ALL_FAMILIES } from '../../../lib/testing/commands/all-commands.js';
import type { LuaLibrary } from '../../../lib/testing/lua/lua-library.js';
import { LuaScripts } from '../../../lib/testing/lua/lua-scripts.js';
import { RedisFaults, type RedisCopy } from '../../../lib/testing/redis-faults.js';
import { CommandTable } from '../../../lib/testing/server/command-table.js';
import { MemoryServer } from '../../../lib/testing/server/memory-server.js';
import type { SimClock } from './sim-clock.js';

export interface SimRedisOptions {
  readonly clock: SimClock;
  readonly random: RandomSource;
  readonly lua: LuaLibrary;
  /** Is told of all bytes that pass. */
  readonly saw: (where: string, bytes: Buffer) => void;
}

/** The one Redis of a simulated world. */
export class SimRedis {
  readonly clock: SimClock;
  readonly server: MemoryServer;
  readonly faults: RedisFaults;
  readonly saw: (where: string, bytes: Buffer) => void;
  private readonly scripts: LuaScripts;
  private port = 50_000;
  private isAway = false;

  constructor({ clock, random, lua, saw }: SimRedisOptions) {
    this.clock = clock;
    this.saw = saw;
    this.scripts = new LuaScripts(lua, Infinity);
    const commands = new CommandTable(ALL_FAMILIES);
    this.server = new MemoryServer({ clock, random, scripts: this.scripts, commands });
    this.faults = new RedisFaults(() => Promise.resolve(this.server));
  }

  /** Whether connections are refused. */
  get isDown(): boolean {
    return this.isAway;
  }

  nextPort(): number {
    return this.port++;
  }

  /** Ends as by SIGKILL, and is back with a copy of its data, or with what it had. */
  async restart(forMs: number, copy?: RedisCopy): Promise<void> {
    this.isAway = true;
    await (copy ? this.faults.failover(copy) : this.faults.restart());
    this.clock.setTimeout(() => (this.isAway = false), forMs);
  }

  close(): void {
    this.scripts.close();
  }
}
