import type { DatabaseCopy } from './server/database.js';
import type { MemoryServer } from './server/memory-server.js';

/** The data of one moment. @publicApi */
export interface RedisCopy {
  /** @internal */
  readonly databases: readonly DatabaseCopy[];
}

/**
 * What may go wrong with a Redis in memory, by hand.
 *
 * @publicApi
 */
export class RedisFaults {
  readonly #server: () => Promise<MemoryServer>;

  /** @internal */
  constructor(server: () => Promise<MemoryServer>) {
    this.#server = server;
  }

  /** As FLUSHALL: nothing is left. */
  async flushAll(): Promise<void> {
    for (const database of (await this.#server()).allDatabases) database.clear();
  }

  /** Refuses writes as a replica does, until it is called with false. */
  async readOnly(isReadOnly = true): Promise<void> {
    (await this.#server()).faults.isReadOnly = isReadOnly;
  }

  /** Refuses what needs memory as a full Redis does, until it is called with false. */
  async full(isFull = true): Promise<void> {
    (await this.#server()).settings.set('maxmemory', isFull ? '1' : '0');
  }

  /** The next commands of that name run, and their connection breaks before the answer. */
  async loseReply(command: string, times = 1): Promise<void> {
    (await this.#server()).faults.lostReplies.set(command.toLowerCase(), times);
  }

  /**
   * Ends all connections and starts again, as another server that knows no script.
   *
   * @param options `keepsData: false` starts empty, as without persistence @defaultValue true
   */
  async restart({ keepsData = true }: { readonly keepsData?: boolean } = {}): Promise<void> {
    const server = await this.#server();
    this.#replace(server);
    if (!keepsData) for (const database of server.allDatabases) database.clear();
  }

  /** What a replica has received until now, for {@link failover}. */
  async replica(): Promise<RedisCopy> {
    return { databases: (await this.#server()).allDatabases.map((database) => database.copy()) };
  }

  /** The replica takes over: all connections end, and what was written since {@link replica} is lost. */
  async failover(to: RedisCopy): Promise<void> {
    const server = await this.#server();
    this.#replace(server);
    for (const [index, copy] of to.databases.entries()) server.database(index).restore(copy);
  }

  #replace(server: MemoryServer): void {
    for (const session of [...server.sessions]) server.disconnect(session);
    server.scripts.flush();
    server.runId = server.random.bytes(20).toString('hex');
  }
}
