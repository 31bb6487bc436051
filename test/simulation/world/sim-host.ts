import type { Duplex } from 'node:stream';

import type { RedisLocation } from '../../../lib/hydra-options.js';
import { SimConnection } from './sim-connection.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';
import type { SimRedis } from './sim-redis.js';

/** A process with its network. */
export class SimHost {
  readonly name: string;
  /** What goes where a Redis location goes. */
  readonly location: RedisLocation;
  private readonly connections = new Set<SimConnection>();
  private cutOffUntil = 0;

  constructor(
    readonly redis: SimRedis,
    readonly process: SimProcess,
    readonly network: SimNetwork,
  ) {
    this.name = process.name;
    this.location = { host: 'sim', Connector: connectorOf(this) } as RedisLocation;
  }

  /** How many connections it has, or seems to have. */
  get connectionCount(): number {
    return this.connections.size;
  }

  connect(): SimConnection {
    const connection = new SimConnection(this.redis, this, this.redis.nextPort());
    this.connections.add(connection);
    return connection;
  }

  left(connection: SimConnection): void {
    this.connections.delete(connection);
  }

  /** Ends as by SIGKILL: the machine's kernel tells the server. */
  kill(): void {
    for (const connection of this.connections) connection.close();
    this.connections.clear();
    this.process.kill();
  }

  /** Whether Redis is not to be reached from here: connections are refused. */
  get isCutOff(): boolean {
    return this.redis.clock.monotonic() < this.cutOffUntil;
  }

  /** Its connections break; what was on its way in one direction is lost. */
  cut(): void {
    this.process.disturb(0);
    this.breakOff([...this.connections]);
  }

  /** All its connections but the first break, by which it hears; none comes about for so long. By the first it still shows itself. */
  cutSome(forMs: number): void {
    this.process.disturb(forMs);
    this.cutOffUntil = this.redis.clock.monotonic() + forMs;
    this.breakOff([...this.connections].slice(1));
  }

  private breakOff(connections: readonly SimConnection[]): void {
    for (const connection of connections)
      connection.breakOff(this.process.random.float() < 0.5 ? 'requests lost' : 'replies lost');
  }

  /** Its connections seem to stand, and nothing passes; new ones do not come about. */
  goDeaf(forMs: number): void {
    const { process, network, redis } = this;
    process.disturb(forMs);
    network.loseAll(true);
    const lost = [...this.connections];
    for (const connection of lost) connection.lose();
    redis.clock.setTimeout(() => {
      network.loseAll(false);
      // What the server still sends meets a machine that knows nothing of the connection.
      for (const connection of lost) connection.hangUpServer();
    }, forMs);
  }
}

/** Opens connections in the place of the driver's own. */
function connectorOf(host: SimHost): unknown {
  return class {
    private stream: Duplex | undefined;

    check(): boolean {
      return true;
    }

    async connect(): Promise<Duplex> {
      this.stream = host.connect();
      return this.stream;
    }

    disconnect(): void {
      this.stream?.end();
    }
  };
}
