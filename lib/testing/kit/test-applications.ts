import type { DynamicModule, INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { TestingModule, TestingModuleBuilder } from '@nestjs/testing';

import { hasHandlers, type HydraRootModule } from '../../hydra-factory.js';
import { HydraInstance } from '../../hydra-instance.js';
import { HYDRA_OPTIONS, rootInstance } from '../../hydra-module.js';
import { refuseUnknown, type HydraOptions, type NamesOf, type RedisLocation } from '../../hydra-options.js';
import { HydraServer } from '../../hydra-server.js';
import { loadNestTesting } from './nest-testing.js';
import { TestServer, type Observation } from './test-server.js';

/** Changes the application before it is compiled, as `overrideProvider` does. @publicApi */
export type OverrideModule = (builder: TestingModuleBuilder) => TestingModuleBuilder | void;

/** A root module, and how it is started. @publicApi */
export interface HydraTestModule {
  /** The root module: it imports `HydraModule.forRoot`. */
  readonly module: HydraRootModule;
  /** How many instances of it are started. @defaultValue that of the whole test, else 1 */
  readonly replicas?: number;
  /** Whether it has HTTP: it is initialised for supertest, and does not listen. @defaultValue false */
  readonly http?: boolean;
  /** Changes it, beside what changes all. */
  readonly override?: OverrideModule;
}

const MODULE_NAMES = {
  module: true,
  replicas: true,
  http: true,
  override: true,
} satisfies NamesOf<HydraTestModule>;
const DYNAMIC_NAMES = ['module', 'global', 'imports', 'providers', 'exports', 'controllers'];

/** @throws HydraError `BAD_OPTION` for an unknown name */
export function moduleOf(given: HydraRootModule | HydraTestModule): HydraTestModule {
  if (typeof given === 'function' || given instanceof Promise || isDynamic(given)) return { module: given };
  refuseUnknown('HydraTest.create.modules', given, MODULE_NAMES);
  return given;
}

function isDynamic(given: DynamicModule | HydraTestModule): given is DynamicModule {
  return (
    typeof given.module === 'function' && Object.keys(given).every((name) => DYNAMIC_NAMES.includes(name))
  );
}

/** What is started as one instance. */
export interface Application {
  readonly app: INestApplicationContext;
  readonly instance: HydraInstance;
  readonly name: string;
}

interface StartOptions {
  readonly redis: RedisLocation;
  readonly overrides: readonly (OverrideModule | undefined)[];
  readonly observation: Observation;
  /** Gives a service's next instance its name. */
  readonly nameOf: (service: string) => string;
}

/** Starts one instance of a module, on this Redis; closes what it began where that fails. */
export async function startApplication(given: HydraTestModule, options: StartOptions): Promise<Application> {
  const { redis, overrides, observation, nameOf } = options;
  const Test = await loadNestTesting();
  let name = '';
  let builder = Test.createTestingModule({ imports: [await given.module] })
    .overrideProvider(HydraInstance)
    .useFactory({
      inject: [HYDRA_OPTIONS, ModulesContainer],
      factory: (own: HydraOptions, modules: ModulesContainer) =>
        rootInstance({ ...withoutPlaces(own), redis }, modules),
    })
    .overrideProvider(HydraServer)
    .useFactory({
      inject: [HydraInstance],
      factory: (instance: HydraInstance) => {
        name = nameOf(instance.options.service);
        observation.journal.follow(instance.id);
        return new TestServer(instance, name, observation);
      },
    });
  for (const override of overrides) builder = override?.(builder) ?? builder;
  const testing = await builder.compile();
  try {
    const app = await start(testing, given.http ?? false);
    return { app, instance: testing.get(HydraInstance, { strict: false }), name };
  } catch (error) {
    await testing.close();
    throw error;
  }
}

/** In one process ports collide, and a Redis in memory speaks no TLS. */
function withoutPlaces({ tls: _tls, ops: _ops, ...options }: HydraOptions): HydraOptions {
  return options;
}

async function start(testing: TestingModule, http: boolean): Promise<INestApplicationContext> {
  const serves = hasHandlers(testing.get(ModulesContainer));
  const strategy = testing.get(HydraServer, { strict: false });
  if (http) {
    const app = testing.createNestApplication();
    if (serves) app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    await app.init();
    if (serves) await app.startAllMicroservices();
    return app;
  }
  if (!serves) return testing.init();
  const service = testing.createNestMicroservice({ strategy });
  await service.listen();
  return service;
}
