import {
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type InjectionToken,
  type ModuleMetadata,
  type OnModuleInit,
  type OptionalFactoryDependency,
  type Provider,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';

import { ConfigStore } from '../config/config-store.js';
import { HydraError } from '../hydra-error.js';
import { HydraInstance } from '../hydra-instance.js';
import { badOption, refuseUnknown, type NamesOf } from '../hydra-options.js';
import { DashboardCore } from './dashboard-core.js';
import {
  DASHBOARD_TAKER,
  resolveDashboard,
  type HydraDashboardOptions,
  type ResolvedDashboard,
} from './dashboard-options.js';
import { mount } from './http/mount.js';

/**
 * Options that come from elsewhere.
 *
 * @publicApi
 */
export interface HydraDashboardAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** The providers that the factory gets as arguments. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Makes the options. */
  readonly useFactory: (...args: never[]) => HydraDashboardOptions | Promise<HydraDashboardOptions>;
}

const ASYNC_NAMES = {
  imports: true,
  inject: true,
  useFactory: true,
} satisfies NamesOf<HydraDashboardAsyncOptions>;

const OPTIONS = 'HYDRA_DASHBOARD_OPTIONS';

class DashboardLife implements OnModuleInit, BeforeApplicationShutdown {
  private readonly dashboard: DashboardCore;
  private isMounted = false;

  constructor(
    instance: HydraInstance,
    configs: ConfigStore,
    private readonly options: ResolvedDashboard,
    private readonly host: HttpAdapterHost,
  ) {
    const logger = new Logger('HydraDashboard');
    this.dashboard = new DashboardCore({ instance, configs, isService: true }, options, (text) =>
      logger.log(text),
    );
  }

  /** After what the application itself puts before its routes, such as sessions, and before "there is nothing here". */
  onModuleInit(): void {
    // A hybrid application that defers its initialisation runs its hooks twice.
    if (this.isMounted) return;
    this.isMounted = true;
    const { httpAdapter } = this.host;
    const { path } = this.options;
    if (!httpAdapter)
      throw badOption(
        `path of ${DASHBOARD_TAKER}`,
        path,
        'used in an application with HTTP; beside another one runs npx nestjs-hydra dashboard',
      );
    mount(httpAdapter, this.options, this.dashboard);
  }

  /** Before the server of the application waits for its connections to end. */
  beforeApplicationShutdown(): void {
    this.dashboard.close();
  }
}

/**
 * A page for the people who run services: is all well, and if not, what first; who calls whom, what waits, what was given up, what is
 * logged, what is configured. Import it beside `HydraModule.forRoot`; the page is at `/hydra`.
 *
 * ```ts
 * HydraDashboardModule.forRoot({ access: ({ headers }) => (isOperator(headers.cookie) ? 'write' : 'none') })
 * ```
 *
 * @publicApi
 */
@Module({})
export class HydraDashboardModule {
  /**
   * Import it once. Without `access`, the page is for this machine: the start fails with `BAD_OPTION` where the application listens
   * on an address that others can reach, and in one without HTTP.
   *
   * @throws HydraError `BAD_OPTION` for an unknown name or value
   */
  static forRoot(options: HydraDashboardOptions = {}): DynamicModule {
    return moduleOf([{ provide: OPTIONS, useValue: resolveDashboard(options) }]);
  }

  /**
   * As {@link forRoot}, with options that need providers of the application.
   *
   * @throws HydraError `BAD_OPTION` for an unknown name
   */
  static forRootAsync(options: HydraDashboardAsyncOptions): DynamicModule {
    refuseUnknown('HydraDashboardModule.forRootAsync', options, ASYNC_NAMES);
    const { imports = [], inject = [], useFactory } = options;
    const made = async (...args: never[]) => resolveDashboard(await useFactory(...args));
    return moduleOf([{ provide: OPTIONS, inject, useFactory: made }], imports);
  }
}

function moduleOf(providers: Provider[], imports: ModuleMetadata['imports'] = []): DynamicModule {
  const life: Provider = {
    provide: DashboardLife,
    inject: [
      { token: HydraInstance, optional: true },
      { token: ConfigStore, optional: true },
      OPTIONS,
      HttpAdapterHost,
    ],
    useFactory: lifeOf,
  };
  return { module: HydraDashboardModule, imports, providers: [...providers, life] };
}

function lifeOf(
  ...[instance, configs, options, host]: [
    HydraInstance | undefined,
    ConfigStore | undefined,
    ResolvedDashboard,
    HttpAdapterHost,
  ]
): DashboardLife {
  if (instance && configs) return new DashboardLife(instance, configs, options, host);
  throw new HydraError(
    'BAD_OPTION',
    'HydraDashboardModule is imported, and HydraModule.forRoot is not: import forRoot or forRootAsync once, in the root module of the application',
  );
}
