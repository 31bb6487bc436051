import {
  Inject,
  Module,
  type Abstract,
  type DynamicModule,
  type InjectionToken,
  type ModuleMetadata,
  type OptionalFactoryDependency,
  type Provider,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';

import { ConfigStore } from './config/config-store.js';
import { LiveConfig } from './config/live/live-config.js';
import { getConfigToken } from './config/live/inject-config.js';
import { HydraHttpClient } from './http/hydra-http-client.js';
import { HydraApplication } from './hydra-application.js';
import { HydraError } from './hydra-error.js';
import {
  nonEmptyString,
  refuseUnknown,
  resolveOptions,
  type HydraOptions,
  type NamesOf,
} from './hydra-options.js';
import { HydraServer } from './hydra-server.js';
import { HydraLogger } from './logging/hydra-logger.js';
import type { ConfigType } from './protocol/standard-schema.js';
import { QueueService } from './queue/producer/queue-service.js';
import { DiscoveryService } from './registry/discovery/discovery-service.js';
import { HealthContributors } from './runtime/health-contributors.js';
import { HydraHealthIndicator } from './registry/hydra-health-indicator.js';
import { StreamService } from './streams/stream-service.js';
import { FEATURE_CLIENT_NAMES, type HydraClientOptions } from './transport/outgoing/client-options.js';
import { HydraClient } from './hydra-client.js';
import { HydraInstance } from './hydra-instance.js';
import { HydraDoctor } from './doctor/hydra-doctor.js';
import { HydraMetrics } from './ops/hydra-metrics.js';

/** The token of the options given to `forRoot` or made by `forRootAsync`. */
export const HYDRA_OPTIONS = 'HYDRA_OPTIONS';

/**
 * Makes options, for `useClass` and `useExisting`.
 *
 * @publicApi
 */
export interface HydraOptionsFactory {
  /** Makes them; called once, at the start. */
  createHydraOptions(): HydraOptions | Promise<HydraOptions>;
}

/**
 * The source of the options: one of `useFactory`, `useClass` and `useExisting`.
 *
 * @publicApi
 */
export interface HydraAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** The providers that the factory gets as arguments. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Makes the options. */
  readonly useFactory?: (...args: never[]) => HydraOptions | Promise<HydraOptions>;
  /** A class that makes the options. Nest creates an instance of it. */
  readonly useClass?: Type<HydraOptionsFactory>;
  /** A provider that makes the options. */
  readonly useExisting?: Type<HydraOptionsFactory> | Abstract<HydraOptionsFactory>;
  /** Additional providers, for the factory only. */
  readonly extraProviders?: Provider[];
}

const ASYNC_NAMES = {
  imports: true,
  inject: true,
  useFactory: true,
  useClass: true,
  useExisting: true,
  extraProviders: true,
} satisfies NamesOf<HydraAsyncOptions>;

/**
 * The clients and the configurations that a module needs.
 *
 * @publicApi
 */
export interface HydraFeatureOptions {
  /**
   * The services to call: a name, or a client's options; each is injected with `@InjectClient(name)`. Of two clients of one
   * service, one needs a name of its own: `as`.
   */
  readonly clients?: readonly (string | HydraFeatureClient)[];
  /**
   * Parts of the service's stored configuration, each with its type and its path (without a path: the whole). Each is
   * injected with `@InjectConfig(type)`. The application does not start without a valid configuration.
   */
  readonly configs?: readonly (ConfigType | ConfigPart)[];
}

/**
 * A client of a service inside an application. It uses the connections, limits and breaker of `forRoot`.
 *
 * @publicApi
 */
export interface HydraFeatureClient extends Pick<
  HydraClientOptions,
  'service' | 'version' | 'tags' | 'timeoutMs' | 'balancer' | 'durableEvents' | 'serializer' | 'deserializer'
> {
  /** Its name for `@InjectClient`. @defaultValue the service */
  readonly as?: string;
}

/**
 * A part of a configuration, and its schema.
 *
 * @publicApi
 */
export interface ConfigPart {
  /** Its schema: a class, or a Standard Schema. */
  readonly type: ConfigType;
  /** Such as `limits.pricing`. */
  readonly path: string;
}

const PART_NAMES = { type: true, path: true } satisfies NamesOf<ConfigPart>;

/** A part of the configuration may be a schema, whose members are its own. */
const FEATURE_NAMES = {
  clients: { '*': { ...FEATURE_CLIENT_NAMES, as: true } satisfies NamesOf<HydraFeatureClient> },
  configs: true,
} satisfies NamesOf<HydraFeatureOptions>;

/** The token of the client with this name: its `as`, or its service. */
export function getClientToken(name: string): string {
  return `HYDRA_CLIENT:${name.toLowerCase()}`;
}

/**
 * Injects the client of a service that `HydraModule.forFeature` registered: `@InjectClient('math') math: HydraClient`. A
 * client with `as` is injected by that.
 *
 * @publicApi
 */
export const InjectClient = (name: string): ParameterDecorator & PropertyDecorator =>
  Inject(getClientToken(name));

/**
 * Makes the process an instance of a service, and gives it discovery, clients and a server to connect.
 *
 * @publicApi
 */
@Module({})
export class HydraModule {
  /**
   * The module is global, so import it once. The start fails with `BAD_OPTION` for a second one, for an invalid option,
   * and for an unknown name.
   */
  static forRoot(options: HydraOptions): DynamicModule {
    return rootModule([{ provide: HYDRA_OPTIONS, useValue: options }]);
  }

  /**
   * As {@link forRoot}, with options that come from elsewhere.
   *
   * @throws HydraError `BAD_OPTION` for an unknown name, or without a source of the options
   */
  static forRootAsync(options: HydraAsyncOptions): DynamicModule {
    refuseUnknown('HydraModule.forRootAsync', options, ASYNC_NAMES);
    const { imports = [], extraProviders = [] } = options;
    return rootModule([...optionProviders(options), ...extraProviders], imports);
  }

  /**
   * Clients of other services and parts of the configuration, for the module that imports this.
   *
   * Without `forRoot` or `forRootAsync` in the application its start ends with `BAD_OPTION`.
   *
   * @throws HydraError `BAD_OPTION` for an unknown name, and for two clients that `@InjectClient` could not tell apart
   */
  static forFeature(options: HydraFeatureOptions): DynamicModule {
    refuseUnknown('HydraModule.forFeature', options, FEATURE_NAMES);
    const { clients = [], configs = [] } = options;
    const named = clients.map((given) => (typeof given === 'string' ? { service: given } : given));
    refuseSameNames(named);
    const providers = [...named.map(clientProvider), ...configs.map(configProvider)];
    return { module: HydraModule, providers, exports: providers };
  }
}

function rootModule(settings: Provider[], imports: ModuleMetadata['imports'] = []): DynamicModule {
  return {
    module: HydraModule,
    global: true,
    imports,
    providers: [
      ...settings,
      {
        provide: HydraInstance,
        inject: [HYDRA_OPTIONS, ModulesContainer],
        useFactory: rootInstance,
      },
      {
        provide: DiscoveryService,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => instance.discovery,
      },
      {
        provide: HydraHealthIndicator,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new HydraHealthIndicator(instance, instance.presence),
      },
      {
        provide: HydraHttpClient,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new HydraHttpClient(instance, instance.discovery),
      },
      {
        provide: HydraLogger,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new HydraLogger(instance),
      },
      {
        provide: HealthContributors,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => instance.health,
      },
      {
        provide: StreamService,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => instance.streams,
      },
      {
        provide: ConfigStore,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new ConfigStore(instance),
      },
      {
        provide: LiveConfig,
        inject: [ConfigStore],
        useFactory: (store: ConfigStore) => store.running,
      },
      {
        provide: HydraServer,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new HydraServer(instance),
      },
      {
        provide: HydraMetrics,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => new HydraMetrics(instance),
      },
      {
        provide: HydraDoctor,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) =>
          new HydraDoctor(instance, { service: instance.options.service }),
      },
      {
        provide: QueueService,
        inject: [HydraInstance],
        useFactory: (instance: HydraInstance) => instance.queues,
      },
      {
        provide: HydraApplication,
        inject: [
          ...[HydraInstance, HydraServer, LiveConfig, HydraLogger, HydraMetrics, HydraHealthIndicator],
          ...[HttpAdapterHost, ModulesContainer, ApplicationConfig],
        ],
        useFactory: applicationOf,
      },
    ],
    exports: [
      HydraInstance,
      DiscoveryService,
      HealthContributors,
      ConfigStore,
      LiveConfig,
      HydraServer,
      QueueService,
      StreamService,
      HydraHealthIndicator,
      HydraHttpClient,
      HydraLogger,
      HydraMetrics,
      HydraDoctor,
    ],
  };
}

/**
 * The instance of an application.
 *
 * @throws HydraError `BAD_OPTION`
 * @internal
 */
export function rootInstance(options: HydraOptions, modules: ModulesContainer): HydraInstance {
  refuseSecondRoot(modules);
  return new HydraInstance(resolveOptions(options, process.env, 'HydraModule.forRoot'));
}

function applicationOf(
  ...[instance, server, liveConfig, logger, metrics, indicator, adapterHost, modules, config]: [
    ...[HydraInstance, HydraServer, LiveConfig, HydraLogger, HydraMetrics, HydraHealthIndicator],
    ...[HttpAdapterHost, ModulesContainer, ApplicationConfig],
  ]
): HydraApplication {
  return new HydraApplication(
    instance,
    { server, liveConfig, logger, metrics, indicator },
    { adapterHost, modules, config },
  );
}

function optionProviders(given: HydraAsyncOptions): Provider[] {
  const { inject = [], useFactory, useClass, useExisting } = given;
  if (useFactory) return [{ provide: HYDRA_OPTIONS, inject, useFactory }];
  const factory = useClass ?? useExisting;
  if (!factory) {
    throw new HydraError(
      'BAD_OPTION',
      `HydraModule.forRootAsync needs useFactory, useClass or useExisting, got ${Object.keys(given).join(', ') || 'none of them'}`,
    );
  }
  const options: Provider = {
    provide: HYDRA_OPTIONS,
    inject: [factory],
    useFactory: (made: HydraOptionsFactory) => made.createHydraOptions(),
  };
  return useClass ? [options, useClass] : [options];
}

/** Both would register, and handlers and clients would get one of them by the order of imports. */
function refuseSecondRoot(modules: ModulesContainer): void {
  const roots = [...modules.values()].filter(({ providers }) => providers.has(HydraApplication));
  if (roots.length < 2) return;
  throw new HydraError(
    'BAD_OPTION',
    `HydraModule.forRoot or forRootAsync is imported ${roots.length} times in one application: import it once, it is global`,
  );
}

function refuseSameNames(clients: readonly HydraFeatureClient[]): void {
  const tokens = new Set<string>();
  for (const { service, as: name = service } of clients) {
    const token = getClientToken(nonEmptyString('the name of a client of HydraModule.forFeature', name));
    if (tokens.has(token)) {
      throw new HydraError(
        'BAD_OPTION',
        `two clients of HydraModule.forFeature are called "${name}": give one of them "as", for @InjectClient`,
      );
    }
    tokens.add(token);
  }
}

/** Optional, because Nest's message about a missing dependency names a class that no application can provide. */
const ROOT = { token: HydraInstance, optional: true };

function rooted(instance: HydraInstance | undefined): HydraInstance {
  if (instance) return instance;
  throw new HydraError(
    'BAD_OPTION',
    'HydraModule.forFeature is imported, and HydraModule.forRoot is not: import forRoot or forRootAsync once, in the root module of the application',
  );
}

function clientProvider({ as: name, ...options }: HydraFeatureClient): Provider {
  return {
    provide: getClientToken(name ?? options.service),
    inject: [ROOT],
    useFactory: (instance?: HydraInstance) => new HydraClient(options, rooted(instance)),
  };
}

function configProvider(given: ConfigType | ConfigPart): Provider {
  if (isPart(given)) refuseUnknown('a part of HydraModule.forFeature.configs', given, PART_NAMES);
  const { type, path } = isPart(given) ? given : { type: given, path: '' };
  if (!type) throw new HydraError('BAD_OPTION', 'a part of HydraModule.forFeature.configs has no type');
  return {
    provide: getConfigToken(type),
    inject: [ROOT, { token: LiveConfig, optional: true }],
    useFactory: async (root: HydraInstance | undefined, running: LiveConfig) => {
      const instance = rooted(root);
      try {
        return await running.live(type, path);
      } catch (error) {
        // The application does not start, and nothing else would close the connections.
        running.close();
        await instance.close();
        throw error;
      }
    },
  };
}

/** A schema may have members of any name; only its mark is certain. */
function isPart(given: ConfigType | ConfigPart): given is ConfigPart {
  return typeof given === 'object' && !('~standard' in given);
}
