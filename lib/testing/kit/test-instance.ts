import type { INestApplication, INestApplicationContext, Type } from '@nestjs/common';

import { HydraError } from '../../hydra-error.js';
import type { MemoryProcess } from '../memory-process.js';

interface TestInstanceParts {
  /** Such as `payments#2`. */
  readonly name: string;
  readonly service: string;
  readonly id: string;
  readonly app: INestApplicationContext;
  /** Undefined on a real Redis. */
  readonly process: MemoryProcess | undefined;
}

/**
 * One instance of a service of a test: a Nest application of its own, on its own connections.
 *
 * @publicApi
 */
export class TestInstance {
  /** Its service, and which of its instances it is: `payments#2`. */
  readonly name: string;
  readonly service: string;
  /** Its id in the registry. */
  readonly id: string;
  /** Its Nest application. */
  readonly app: INestApplicationContext;
  readonly #process: MemoryProcess | undefined;

  /** @internal */
  constructor({ name, service, id, app, process }: TestInstanceParts) {
    this.name = name;
    this.service = service;
    this.id = id;
    this.app = app;
    this.#process = process;
  }

  /** A provider of its application, from whatever module. */
  get<T>(token: Type<T> | string | symbol): T {
    return this.app.get<T>(token, { strict: false });
  }

  /**
   * What it lives and dies with: `process.kill()`, `freeze()`, `cut()`.
   *
   * @throws HydraError `BAD_OPTION` on a real Redis
   */
  get process(): MemoryProcess {
    if (this.#process) return this.#process;
    throw new HydraError(
      'BAD_OPTION',
      `"${this.name}" is on a real Redis: only with a MemoryRedis it can be killed or frozen`,
    );
  }

  /**
   * The HTTP server of its application, for supertest.
   *
   * @throws HydraError `BAD_OPTION` where its module was not given with `http: true`
   */
  get httpServer(): unknown {
    const { getHttpServer } = this.app as Partial<INestApplication>;
    if (getHttpServer) return getHttpServer.call(this.app) as unknown;
    throw new HydraError('BAD_OPTION', `"${this.name}" has no HTTP server: give its module { http: true }`);
  }

  /** @internal A killed one has nothing that could be closed. */
  async close(): Promise<void> {
    const process = this.#process;
    if (process?.state === 'killed') return;
    process?.heal();
    await this.app.close();
  }
}
