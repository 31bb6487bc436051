import type { MessageHandler } from '@nestjs/microservices';

import type { DeliveryMode } from '../../../lib/delivery/source.js';
import { HydraError } from '../../../lib/hydra-error.js';
import { HydraInstance } from '../../../lib/hydra-instance.js';
import { resolveOptions, type HydraOptions } from '../../../lib/hydra-options.js';
import { HydraServer } from '../../../lib/hydra-server.js';
import { sleep } from '../../../lib/runtime/waiting.js';
import { listenersOf, moreThan, type Listeners } from '../world/listeners.js';
import type { SimHost } from '../world/sim-host.js';
import type { Detail } from '../world/ledger.js';
import type { World } from '../world/world.js';

/** A handler of a simulated service. */
export interface SimHandler {
  readonly mode: DeliveryMode;
  readonly pattern: string;
  readonly options?: object;
  readonly handle: (data: never, context: never) => unknown;
}

/** What a process of a simulated world is for. */
export interface Role {
  readonly service: string;
  readonly options?: Omit<HydraOptions, 'service' | 'redis'>;
  /** What it answers; without handlers it has no server. */
  handlers?(member: Member): readonly SimHandler[];
  /** What it does by itself, once it is there. */
  live?(member: Member): void | Promise<void>;
}

/** Work is made until then, in milliseconds from the beginning. */
export const LOAD_ENDS_AT = 49_000;

/** One process of a world: an instance of a service, with its handlers and what it does by itself. */
export class Member {
  readonly instance: HydraInstance;
  private readonly server: HydraServer | undefined;
  private readonly endings: (() => unknown)[] = [];
  /** Of the driver's clients, once it is there. */
  private listeners: Listeners | undefined;
  private life: 'starting' | 'there' | 'closed' = 'starting';

  constructor(
    readonly world: World,
    readonly host: SimHost,
    readonly role: Role,
  ) {
    const { process } = host;
    const options = {
      drain: { timeoutMs: 5_000 },
      ...role.options,
      service: role.service,
      redis: host.location,
    };
    this.instance = new HydraInstance(resolveOptions(options, {}, 'simulation'), {
      clock: process,
      random: process.random,
    });
    const handlers = role.handlers?.(this) ?? [];
    this.server = handlers.length > 0 ? new HydraServer(this.instance) : undefined;
    for (const { mode, pattern, options: given = {}, handle } of handlers)
      this.server?.addHandler(pattern, handle as MessageHandler, mode === 'entry', {
        hydra: { mode, options: given },
      });
  }

  get name(): string {
    return this.host.name;
  }

  /** Whether it serves, and is to be found by others. */
  get isThere(): boolean {
    return this.life === 'there' && this.host.process.state !== 'killed';
  }

  get makesWork(): boolean {
    return this.isThere && this.world.clock.monotonic() < LOAD_ENDS_AT;
  }

  note(kind: string, details?: Readonly<Record<string, Detail>>): void {
    // What a killed process still computes happens nowhere.
    if (this.host.process.state !== 'killed') this.world.ledger.note(this.name, kind, details);
  }

  /** A number from `min` to `max`. */
  draw(min: number, max: number): number {
    return min + this.host.process.random.float() * (max - min);
  }

  chance(share: number): boolean {
    return this.host.process.random.float() < share;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this.host.process, ms, signal && { signal });
  }

  async start(): Promise<void> {
    try {
      if (this.server) await this.listen(this.server);
      else await this.instance.announce();
      if (this.life !== 'starting') return;
      this.life = 'there';
      this.listeners = this.driverListeners();
      this.note('there', { id: this.instance.id });
      await this.role.live?.(this);
    } catch (error) {
      // Who is stopped while it starts is told so.
      if (this.life === 'closed' && error instanceof HydraError && error.code === 'CLOSED') return;
      this.note('start failed', { error: String(error) });
    }
  }

  /** Does something again and again, with a pause between `min` and `max` ms, as long as work is made. */
  async again(min: number, max: number, act: () => unknown): Promise<void> {
    while (this.makesWork) {
      await this.sleep(this.draw(min, max));
      if (this.makesWork) act();
    }
  }

  /** Has something end with this process, where it is closed. */
  atClose(end: () => unknown): void {
    this.endings.push(end);
  }

  async close(): Promise<void> {
    this.note('closing', { id: this.instance.id });
    this.life = 'closed';
    await this.server?.close();
    for (const end of this.endings) await end();
    await this.instance.close();
    this.note('closed', { id: this.instance.id });
  }

  /** Writes down what the driver's clients have more than at first. */
  noteListeners(): void {
    const listeners = this.listeners ? moreThan(this.listeners, this.driverListeners()) : [];
    if (listeners.length > 0) this.note('listeners left', { listeners });
  }

  private driverListeners(): Listeners {
    const { commands, subscriber } = this.instance.redis;
    return listenersOf(commands, subscriber);
  }

  private listen(server: HydraServer): Promise<void> {
    return new Promise((resolve, reject) => {
      void server.listen((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}
