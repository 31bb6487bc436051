import { durationMs, type Duration } from './duration.js';
import type { DatabaseCopy } from './server/database.js';
import { Follower } from './server/follower.js';
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
    (await this.#server()).faults.readOnly(isReadOnly);
  }

  /** Refuses what needs memory as a full Redis does, until it is called with false. */
  async full(isFull = true): Promise<void> {
    (await this.#server()).settings.set('maxmemory', isFull ? '1' : '0');
  }

  /** The next commands of that name run, and their connection breaks before the answer. */
  async loseReply(command: string, times = 1): Promise<void> {
    (await this.#server()).faults.loseReplies(command, times);
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

  /** The next messages of channels that match this pattern are lost on their way; Redis counts them as received. */
  async loseMessage(channels: string, times = 1): Promise<void> {
    (await this.#server()).faults.disturbMessages(channels, 0, times);
  }

  /** The next messages of channels that match this pattern arrive twice. */
  async repeatMessage(channels: string, times = 1): Promise<void> {
    (await this.#server()).faults.disturbMessages(channels, 2, times);
  }

  /** Everything that is sent to it takes so much longer; 0 ends that. */
  async slow(duration: Duration): Promise<void> {
    const ms = durationMs(duration);
    (await this.#server()).pace.slow(ms);
  }

  /** Stops it as SIGSTOP does: connections stay open, and it answers after ({@link resume}). */
  async freeze(): Promise<void> {
    (await this.#server()).pace.freeze();
  }

  async resume(): Promise<void> {
    (await this.#server()).pace.resume();
  }

  /**
   * A replica for {@link failover}: what there is at this moment; with `behind` one that follows, and is always so much
   * behind.
   */
  async replica({ behind }: { readonly behind?: Duration } = {}): Promise<RedisCopy> {
    const server = await this.#server();
    if (behind === undefined) return { databases: server.allDatabases.map((database) => database.copy()) };
    const follower = new Follower(server.allDatabases, durationMs(behind), () => server.clock.now());
    server.followers.add(follower);
    return follower;
  }

  /** The replica takes over: all connections end, and what had not reached it is lost. Other replicas follow no more. */
  async failover(to: RedisCopy): Promise<void> {
    const server = await this.#server();
    const { databases } = to;
    server.followers.clear();
    this.#replace(server);
    for (const [index, copy] of databases.entries()) server.database(index).restore(copy);
  }

  #replace(server: MemoryServer): void {
    for (const session of [...server.sessions]) server.disconnect(session);
    server.scripts.flush();
    server.runId = server.random.bytes(20).toString('hex');
  }
}
