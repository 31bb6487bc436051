import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication, INestApplicationContext, INestMicroservice, Type } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import { HydraModule, HydraServer, type HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from './at-end.js';
import { asOwnUser } from './own-user.js';

export interface TestService {
  readonly app: INestMicroservice;
  readonly id: string;
  close(this: void): Promise<void>;
}

/** A Nest microservice on Hydra in this process, listening; closed at the end of the test file at the latest. */
export async function startService(
  options: HydraOptions,
  controllers: Type[],
  providers: Type[] = [],
): Promise<TestService> {
  const app = await NestFactory.createMicroservice(appModule(options, controllers, providers), {
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
    logger: ['error'],
  });
  const close = once(() => app.close());
  atEnd(close);
  await app.listen();
  return { app, id: app.get(HydraInstance).id, close };
}

export interface TestHybrid {
  readonly app: INestApplication;
  readonly id: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A Nest HTTP application with a Hydra server beside it, listening on a free port of 127.0.0.1. */
export async function startHybrid(
  options: HydraOptions,
  controllers: Type[],
  providers: Type[] = [],
): Promise<TestHybrid> {
  const app = await NestFactory.create(appModule(options, controllers, providers), { logger: ['error'] });
  const close = once(() => app.close());
  atEnd(close);
  app.connectMicroservice({ strategy: app.get(HydraServer) });
  await app.startAllMicroservices();
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, id: app.get(HydraInstance).id, port, close };
}

/** A Nest application without a server: it registers, discovers and calls. */
export async function startCaller(
  options: HydraOptions,
  clients: readonly string[],
): Promise<{ app: INestApplicationContext; close(): Promise<void> }> {
  const feature = HydraModule.forFeature({ clients });
  @Module({ imports: [HydraModule.forRoot(asOwnUser(options)), feature] })
  class CallerModule {}
  const app = await NestFactory.createApplicationContext(CallerModule, { logger: ['error'] });
  const close = once(() => app.close());
  atEnd(close);
  return { app, close };
}

export function appModule(options: HydraOptions, controllers: Type[], providers: Type[] = []): Type {
  @Module({ imports: [HydraModule.forRoot(asOwnUser(options))], controllers, providers })
  class AppModule {}
  return AppModule;
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= act());
}
