import type { Server } from 'node:http';

import {
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';

import { tellOfAbsentRedis } from './absent-redis.js';
import type { LiveConfig } from './config/live/live-config.js';
import { controllerRoutes } from './http/controller-routes.js';
import { HydraError } from './hydra-error.js';
import { HydraExceptionFilter } from './hydra-exception-filter.js';
import type { HydraServer } from './hydra-server.js';
import type { HydraLogger } from './logging/hydra-logger.js';
import type { HydraInstance } from './hydra-instance.js';
import { addMetricsRoute } from './ops/metrics-route.js';
import type { HydraMetrics } from './ops/hydra-metrics.js';
import { OpsServer } from './ops/ops-server.js';
import type { HydraHealthIndicator } from './registry/hydra-health-indicator.js';
import type { Timer } from './runtime/clock.js';
import { resolvesWithin } from './runtime/waiting.js';
import { warnOfUnservedHandlers } from './unserved-handlers.js';

/** How long the start of an application waits for Redis before it continues without it, in milliseconds. */
const START_WAIT_MS = 2_000;

const STARTING = 'starting anyway, will register once it is available';

/** Listens on all addresses of the machine, in IPv4 and in IPv6. */
const EVERY_ADDRESS = ['0.0.0.0', '::'];

/** What an application has of this library besides its instance. */
export interface ApplicationParts {
  readonly server: HydraServer;
  readonly liveConfig: LiveConfig;
  readonly logger: HydraLogger;
  readonly metrics: HydraMetrics;
  readonly indicator: HydraHealthIndicator;
}

/** What Nest says about the application. */
export interface NestHost {
  readonly adapterHost: HttpAdapterHost;
  readonly modules: ModulesContainer;
  readonly config: ApplicationConfig;
}

/** Ties this instance to the application's life: registers it, finds its HTTP port, and closes its connections last. */
export class HydraApplication
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly logger = new Logger('Hydra');
  private isStarted = false;
  private isStopping = false;
  private hasMetricsRoute = false;
  private httpTimer: Timer | undefined;
  private readonly ops: OpsServer | undefined;

  constructor(
    private readonly instance: HydraInstance,
    private readonly parts: ApplicationParts,
    private readonly host: NestHost,
  ) {
    const { metrics, ops } = instance.options;
    if (ops) this.ops = new OpsServer(ops, parts);
    // Before every route of the application, where there is an adapter yet.
    if (metrics.path !== undefined && host.adapterHost.httpAdapter) this.addMetricsRoute(metrics.path);
    instance.presence.takeRoutesFrom(() => this.routes());
    // Nest asks the last filter first, so every other filter is asked before this one.
    if (instance.options.exceptionFilter)
      host.config.getGlobalFilters().unshift(new HydraExceptionFilter(host.adapterHost));
  }

  /** A testing module is given its adapter after it is made, and before Nest says of all other paths that there is nothing. */
  async onModuleInit(): Promise<void> {
    const { path } = this.instance.options.metrics;
    if (path === undefined || this.hasMetricsRoute) return;
    try {
      this.addMetricsRoute(path);
    } catch (error) {
      await this.closeAll();
      throw error;
    }
  }

  private addMetricsRoute(path: string): void {
    addMetricsRoute(this.host.adapterHost.httpAdapter, path, this.parts.metrics);
    this.hasMetricsRoute = true;
  }

  async onApplicationBootstrap(): Promise<void> {
    // A hybrid application that defers its initialisation runs its hooks twice.
    if (this.isStarted) return;
    this.isStarted = true;
    await this.startOps();
    this.advertisePort();
    if (this.instance.options.config.isUsed) void this.parts.liveConfig.follow();
    if (!this.parts.server.hasHandlers) warnOfUnservedHandlers(this.host.modules);
    // A server with handlers registers the instance itself, when it can answer calls.
    const starting = (this.parts.server.hasHandlers ? this.instance.open() : this.instance.announce()).catch(
      unlessClosed,
    );
    try {
      if (await resolvesWithin(this.instance.clock, starting, START_WAIT_MS)) return;
    } catch (error) {
      // Redis refused. The application does not start, and nothing else would close what is open.
      await this.closeAll();
      throw error;
    }
    const stopTelling = tellOfAbsentRedis(this.instance, STARTING, 0);
    starting
      .catch((error: unknown) => this.logger.error(`could not register: ${String(error)}`))
      .finally(stopTelling);
  }

  private async startOps(): Promise<void> {
    try {
      await this.ops?.start();
    } catch (error) {
      await this.closeAll();
      throw error;
    }
  }

  /** From here on callers do not find this instance. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    this.endHttpInTime();
    this.parts.liveConfig.close();
    const { presence } = this.instance;
    if (!this.parts.server.hasHandlers) await presence.withdraw();
    // Nest finishes HTTP requests before it closes the server. Until then, calls that arrive are still answered.
    else if (this.host.adapterHost.httpAdapter)
      await presence.update({ port: 0, capabilities: { draining: true } });
  }

  /** Nest waits for open answers, and some never end by themselves: server-sent events, a download that nobody reads. */
  private endHttpInTime(): void {
    const http = this.host.adapterHost.httpAdapter?.getHttpServer() as Partial<Server> | undefined;
    const end = () => http?.closeAllConnections?.();
    const { clock, options } = this.instance;
    this.httpTimer = clock.setTimeout(end, options.drain.timeoutMs);
  }

  /** Servers and HTTP are closed by now: nothing uses Redis any more. */
  async onApplicationShutdown(): Promise<void> {
    this.instance.clock.clear(this.httpTimer);
    await this.parts.server.close();
    await this.parts.logger.flush();
    this.parts.logger.close();
    await this.closeAll();
  }

  /** The connections, and what only they keep of use. */
  private async closeAll(): Promise<void> {
    await this.parts.metrics.close();
    await this.ops?.close();
    await this.instance.close();
  }

  /** A hybrid application's HTTP port is known once it listens; an option overrides it. */
  private advertisePort(): void {
    const { httpAdapter } = this.host.adapterHost;
    if (!httpAdapter) return;
    const publish = () => {
      if (this.isStopping) return;
      const { presence, options } = this.instance;
      const bound = (httpAdapter.getHttpServer() as Partial<Server> | undefined)?.address?.();
      if (typeof bound === 'object' && bound !== null && options.port === undefined)
        void presence.update({ port: bound.port, ...hostOf(bound.address, options.host) });
      // A prefix may have been set after a server of the same application was started.
      void presence.setRoutes(this.routes());
    };
    if (this.host.adapterHost.listening) publish();
    else this.host.adapterHost.listen$.subscribe(publish);
  }

  /** The HTTP routes of the controllers; empty in an application without HTTP. */
  private routes(): readonly string[] {
    return this.host.adapterHost.httpAdapter ? controllerRoutes(this.host.modules, this.host.config) : [];
  }
}

/** The address on which HTTP listens; undefined if it listens on all addresses, or if an option sets another one. */
function hostOf(address: string, given: string | undefined): { readonly host?: string } {
  return given !== undefined || EVERY_ADDRESS.includes(address) ? {} : { host: address };
}

/** The application was closed while it still waited for Redis. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof HydraError) || error.code !== 'CLOSED') throw error;
}
