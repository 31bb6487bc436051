import { Logger, type LoggerService } from '@nestjs/common';

import type { RandomSource } from '../../../lib/runtime/random-source.js';
import { fnv1a } from '../../../lib/protocol/fnv1a.js';
import type { LuaLibrary } from '../../../lib/testing/lua/lua-library.js';
import { seededRandom } from '../../../lib/testing/seeded-random.js';
import { Ledger } from './ledger.js';
import { SimClock } from './sim-clock.js';
import { SimHost } from './sim-host.js';
import { SimLog } from './sim-log.js';
import { SimNetwork } from './sim-network.js';
import { SimProcess } from './sim-process.js';
import { SimRedis } from './sim-redis.js';

export interface WorldOptions {
  readonly seed: number;
  readonly lua: LuaLibrary;
  /** Whether the log has all bytes that pass. */
  readonly keepsBytes?: boolean;
}

/** Time, randomness, a network, a Redis and processes, all from one seed. */
export class World {
  readonly seed: number;
  readonly clock = new SimClock();
  readonly log: SimLog;
  readonly ledger: Ledger;
  readonly redis: SimRedis;
  readonly hosts: SimHost[] = [];

  constructor({ seed, lua, keepsBytes = false }: WorldOptions) {
    this.seed = seed;
    this.log = new SimLog(() => this.clock.monotonic(), { keepsBytes });
    this.ledger = new Ledger(this.clock, this.log);
    const saw = (where: string, bytes: Buffer) => this.log.saw(where, bytes);
    this.redis = new SimRedis({ clock: this.clock, random: this.randomOf('redis'), lua, saw });
    Logger.overrideLogger(loggerInto(this));
  }

  /** The randomness of one part of the world: what happens elsewhere does not change it. */
  randomOf(name: string): RandomSource {
    return randomOf(this.seed, name);
  }

  /** A process that begins. */
  host(name: string): SimHost {
    const process = new SimProcess(this.clock, name, this.randomOf(name));
    const network = new SimNetwork(this.clock, this.randomOf(`${name}/network`));
    const host = new SimHost(this.redis, process, network);
    this.hosts.push(host);
    return host;
  }

  close(): void {
    Logger.overrideLogger(false);
    this.redis.close();
  }
}

/** The randomness of one part of the world of a seed. */
export function randomOf(seed: number, name: string): RandomSource {
  return seededRandom(fnv1a(`${seed}/${name}`));
}

function loggerInto({ log, clock }: World): LoggerService {
  const at = (level: string) => (message: unknown) => log.write(clock.actor, `${level}: ${String(message)}`);
  return { log: at('log'), warn: at('warn'), error: at('error'), fatal: at('fatal'), debug: () => undefined };
}
