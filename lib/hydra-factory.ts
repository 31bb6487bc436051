import type {
  DynamicModule,
  INestApplication,
  INestMicroservice,
  NestApplicationOptions,
  Type,
} from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';

import { declaredHandlers } from './declared-handlers.js';
import { HydraError } from './hydra-error.js';
import { badOption, refuseMisspelt, refuseUnknown, type NamesOf } from './hydra-options.js';
import { HYDRA, HydraServer } from './hydra-server.js';

/**
 * Where an application listens for HTTP.
 *
 * @publicApi
 */
export interface HydraHttpAddress {
  /** The port. @defaultValue the environment variable `PORT`, else 3000 */
  readonly port?: number | string;
  /** The host name or IP address. @defaultValue all of this machine's addresses */
  readonly host?: string;
}

/**
 * The options of Nest's `NestFactory.create`, and one more.
 *
 * @publicApi
 */
export interface HydraCreateOptions extends NestApplicationOptions {
  /**
   * Whether global pipes, guards, interceptors and filters of the application are also those of its calls, as they are in a
   * service without HTTP.
   *
   * @defaultValue true
   */
  readonly inheritAppConfig?: boolean;
}

/**
 * Where to listen for HTTP, and the options of Nest's `NestFactory.create`.
 *
 * @publicApi
 */
export interface HydraListenOptions extends HydraCreateOptions {
  /** Listens for HTTP, too. @defaultValue no HTTP */
  readonly http?: HydraHttpAddress;
}

/**
 * The root module, as Nest takes it.
 *
 * @publicApi
 */
export type HydraRootModule = Type | DynamicModule | Promise<DynamicModule>;

/** What `NestFactory.create` takes in the versions of Nest that are known; a later one may take more. */
const CREATE_NAMES = [
  ...[
    'http',
    'inheritAppConfig',
    'logger',
    'abortOnError',
    'bufferLogs',
    'autoFlushLogs',
    'preview',
    'snapshot',
  ],
  ...[
    'moduleIdGeneratorAlgorithm',
    'instrument',
    'forceConsole',
    'cors',
    'bodyParser',
    'httpsOptions',
    'rawBody',
  ],
  ...[
    'forceCloseConnections',
    'return503OnClosing',
    'routeConflictPolicy',
    'routeResolutionStrategy',
    'cookies',
  ],
];
const MAX_PORT = 65_535;

const HTTP_NAMES = { port: true, host: true } satisfies NamesOf<HydraHttpAddress>;

/**
 * Starts a service, and resolves once callers find it: `await HydraFactory.listen(AppModule)`. With `http` it listens for
 * HTTP, too, and resolves with an HTTP application. Waits for a Redis that is away.
 *
 * @throws HydraError `BAD_OPTION` for an unknown name, for what is no port, and where the root module does not import
 *   `HydraModule.forRoot`; and what starting throws, such as a port that is taken. It is closed by then.
 */
function listen(
  module: HydraRootModule,
  options: HydraListenOptions & { readonly http: HydraHttpAddress },
): Promise<INestApplication>;
function listen(module: HydraRootModule, options?: HydraListenOptions): Promise<INestMicroservice>;
async function listen(
  module: HydraRootModule,
  { http, ...options }: HydraListenOptions = {},
): Promise<INestApplication | INestMicroservice> {
  refuseUnknown('HydraFactory.listen.http', http, HTTP_NAMES);
  refuseMisspelt('HydraFactory.listen', options, CREATE_NAMES);
  if (http) {
    const { port = process.env['PORT'] ?? 3_000, host } = http;
    checkPort(port);
    const app = await create(module, options);
    await orClose(app, host === undefined ? app.listen(port) : app.listen(port, host));
    return app;
  }
  const app = await NestFactory.createMicroservice(module, {
    ...options,
    inject: [ModulesContainer],
    useFactory: (modules: ModulesContainer) => ({ strategy: serverIn(modules) }),
  });
  app.enableShutdownHooks();
  await orClose(app, app.listen());
  return app;
}

/**
 * An HTTP application to set up further before it starts: `app.listen(3000)` then connects its handlers as well, if it has
 * any, and resolves once callers find it and HTTP listens.
 *
 * @throws HydraError `BAD_OPTION` where the root module does not import `HydraModule.forRoot`
 */
async function create<App extends INestApplication = INestApplication>(
  module: HydraRootModule,
  { inheritAppConfig = true, ...options }: HydraCreateOptions = {},
): Promise<App> {
  refuseMisspelt('HydraFactory.create', options, CREATE_NAMES);
  const app = await NestFactory.create<App>(module, options);
  const modules = app.get(ModulesContainer);
  const strategy = serverIn(modules);
  app.enableShutdownHooks();
  const start = async (port: number | string, ...rest: [hostname: string, callback?: () => void]) => {
    // From here on it is Nest's normal application.
    Reflect.deleteProperty(app, 'listen');
    // What was set on the application since `create` must apply to handlers too.
    if (!strategy.hasHandlers && hasHandlers(modules))
      app.connectMicroservice({ strategy }, { inheritAppConfig });
    await app.init();
    if (!strategy.isStarted) await app.startAllMicroservices();
    return app.listen(port, ...rest);
  };
  // Nest's proxy around the application takes no assignment.
  Object.defineProperty(app, 'listen', { value: start, configurable: true });
  return app;
}

/**
 * Starts an application whose root module imports `HydraModule.forRoot`: its handlers are connected, and a signal (SIGTERM,
 * Ctrl-C) ends it in order. `NestFactory` does as well, in more lines.
 *
 * @publicApi
 */
export const HydraFactory = { listen, create };

/** Node would take other text for the path of a socket. */
function checkPort(port: number | string): void {
  const number = typeof port === 'number' || /^\d+$/.test(port) ? Number(port) : NaN;
  if (!Number.isInteger(number) || number < 0 || number > MAX_PORT)
    throw badOption('HydraFactory.listen.http.port', port, `a whole number from 0 to ${MAX_PORT}`);
}

/** Whether the application has handlers for {@link HydraServer}. @internal */
export function hasHandlers(modules: ModulesContainer): boolean {
  return declaredHandlers(modules).some(
    ({ transportId }) => transportId === undefined || transportId === HYDRA,
  );
}

/** This check is necessary because Nest's own message names a class that the application does not know. */
function serverIn(modules: ModulesContainer): HydraServer {
  for (const { providers } of modules.values()) {
    const server: unknown = providers.get(HydraServer)?.instance;
    if (server instanceof HydraServer) return server;
  }
  throw new HydraError(
    'BAD_OPTION',
    'HydraFactory needs HydraModule.forRoot or forRootAsync in the imports of the root module',
  );
}

async function orClose(app: INestApplication | INestMicroservice, starting: Promise<unknown>): Promise<void> {
  try {
    await starting;
  } catch (error) {
    // Nothing else would close the connections.
    await app.close();
    throw error;
  }
}
