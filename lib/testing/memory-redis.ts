import type { Duplex } from 'node:stream';

import { HydraError } from '../hydra-error.js';
import type { RedisLocation } from '../hydra-options.js';
import { systemRandom, type RandomSource } from '../runtime/random-source.js';
import { ALL_FAMILIES } from './commands/all-commands.js';
import { loadLua } from './lua/lua-library.js';
import { LuaScripts } from './lua/lua-scripts.js';
import { MemoryConnection } from './memory-connection.js';
import { MemoryProcess } from './memory-process.js';
import { RedisFaults } from './redis-faults.js';
import { seededRandom } from './seeded-random.js';
import { CommandTable } from './server/command-table.js';
import { MemoryServer } from './server/memory-server.js';
import { TcpListener } from './tcp-listener.js';
import { VirtualClock } from './virtual-clock.js';

/** @publicApi */
export interface MemoryRedisOptions {
  /** Makes all randomness of the server, and of instances that use it, the same in every run. @defaultValue none */
  readonly seed?: number;
  /** The time by which keys expire and instances wait. @defaultValue one that runs by itself */
  readonly clock?: VirtualClock;
  /** Whether it may run where NODE_ENV is `production`. @defaultValue false */
  readonly allowProduction?: boolean;
}

const KNOWN = new Set(['seed', 'clock', 'allowProduction']);

/** What the driver makes its connections by. */
type Connector = NonNullable<Extract<RedisLocation, { Connector?: unknown }>['Connector']>;

/**
 * A Redis in this process, for tests: give it where a Redis location goes. It answers as Redis 7.0, runs the library's
 * scripts, and keeps everything in memory.
 *
 * It is no Redis for production: there is one process, no persistence, no replication and no Cluster.
 *
 * @example
 * ```ts
 * const redis = new MemoryRedis();
 * HydraModule.forRoot({ service: 'math', redis });
 * // …
 * await redis.close();
 * ```
 *
 * @throws HydraError `BAD_OPTION` for an unknown option, and where NODE_ENV is `production` unless that is allowed
 *
 * @publicApi
 */
export class MemoryRedis {
  /** What the driver connects by. */
  readonly Connector: Connector;
  /** What is said to be connected to, in messages. */
  readonly host = 'memory';
  /** The time of this Redis, and of the instances that use it: `await redis.clock.advance('3 h')`. */
  readonly clock: VirtualClock;
  /** The randomness of this Redis, and of the instances that use it. */
  readonly random: RandomSource;
  readonly #faults: RedisFaults;
  readonly #state: MemoryState;

  constructor(options: MemoryRedisOptions = {}) {
    checkOptions(options);
    this.clock = options.clock ?? new VirtualClock();
    this.random = options.seed === undefined ? systemRandom : seededRandom(options.seed);
    this.#state = new MemoryState(this.clock, this.random);
    this.#faults = new RedisFaults(() => this.#state.start());
    this.Connector = this.process().Connector as Connector;
  }

  /** What may go wrong with this Redis. */
  get faults(): RedisFaults {
    return this.#faults;
  }

  /**
   * A process on this Redis, to be killed, frozen or cut off: give it as the Redis location of what shall live and die
   * together.
   */
  process(): MemoryProcess {
    return new MemoryProcess(this.clock, this.random, (process) => connectorOf(this.#state, process));
  }

  /**
   * Listens for other processes and for redis-cli, on 127.0.0.1.
   *
   * @param port @defaultValue a free one
   * @returns the URL
   * @throws Error when the port is taken; HydraError `CLOSED` after {@link close}, `BAD_OPTION` without the package that
   *   runs Lua
   */
  listen(port = 0): Promise<string> {
    return this.#state.listen(port);
  }

  /** Ends all connections, and the listening. Everything that was kept is gone. Idempotent. */
  close(): Promise<void> {
    return this.#state.close();
  }
}

/** The server of one MemoryRedis, started when it is first connected to. */
class MemoryState {
  private starting: Promise<MemoryServer> | undefined;
  private readonly listeners: TcpListener[] = [];
  private isClosed = false;
  private nextPort = 50_000;

  constructor(
    private readonly clock: VirtualClock,
    private readonly random: RandomSource,
  ) {}

  async connect(process: MemoryProcess): Promise<Duplex> {
    const server = await this.start();
    if (this.isClosed) throw closedError();
    // Nobody is there any more who could be told anything.
    if (process.state === 'killed') return new Promise(() => undefined);
    const connection = new MemoryConnection(server, this.clock.quiet, this.nextPort++, process);
    process.connected(connection);
    return connection;
  }

  async listen(port: number): Promise<string> {
    const listener = new TcpListener(await this.start());
    const actual = await listener.listen(port);
    this.listeners.push(listener);
    return `redis://127.0.0.1:${actual}`;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const server = await this.starting;
    this.starting = undefined;
    for (const session of server?.sessions ?? []) server!.disconnect(session);
    await Promise.all(this.listeners.splice(0).map((listener) => listener.close()));
    server?.scripts.close();
  }

  start(): Promise<MemoryServer> {
    if (this.isClosed) return Promise.reject(closedError());
    this.starting ??= this.build();
    return this.starting;
  }

  private async build(): Promise<MemoryServer> {
    const { clock, random } = this;
    const scripts = new LuaScripts(await loadLua());
    const livesBehindMs = () => clock.livesBehindMs;
    const commands = new CommandTable(ALL_FAMILIES);
    return new MemoryServer({ clock, random, scripts, commands, livesBehindMs });
  }
}

/** Opens connections to one Redis in memory, in the place of the driver's own. */
function connectorOf(state: MemoryState, process: MemoryProcess): Connector {
  const opener = class {
    private stream: Duplex | undefined;

    check(): boolean {
      return true;
    }

    async connect(): Promise<Duplex> {
      this.stream = await state.connect(process);
      return this.stream;
    }

    disconnect(): void {
      this.stream?.end();
    }
  };
  return opener as unknown as Connector;
}

function checkOptions(options: MemoryRedisOptions): void {
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw new HydraError('BAD_OPTION', `MemoryRedis has no option "${name}"`);
  }
  if (options.seed !== undefined && !Number.isSafeInteger(options.seed))
    throw new HydraError('BAD_OPTION', `seed must be an integer, got ${String(options.seed)}`);
  if (process.env['NODE_ENV'] === 'production' && !options.allowProduction)
    throw new HydraError(
      'BAD_OPTION',
      'MemoryRedis keeps nothing beyond its process and does not run where NODE_ENV is "production", unless allowProduction is true',
    );
}

function closedError(): Error {
  return new HydraError('CLOSED', 'this MemoryRedis is closed');
}
