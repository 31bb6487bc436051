/**
 * A service that calls every method of the public services and looks at none of their promises, once it is told to on
 * stdin; then it says what became of them for who does look.
 */
import 'reflect-metadata';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';

import {
  ConfigStore,
  DiscoveryService,
  HydraError,
  HydraLogger,
  HydraModule,
  HydraServer,
  QueueService,
  StreamService,
} from '../../lib/index.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

@Module({ imports: [HydraModule.forRoot({ service: 'ignoring' })], controllers: [SumController] })
class AppModule {}

const app = await NestFactory.createMicroservice(AppModule, {
  inject: [HydraServer],
  useFactory: (strategy: HydraServer) => ({ strategy }),
  logger: ['error', 'warn'],
});
await app.listen();

/** What gives no promise, or belongs to the end of a process. */
const LEFT_OUT = new Set(['constructor', 'close', 'dispose', 'entries']);
const SERVICES = [StreamService, ConfigStore, DiscoveryService, QueueService, HydraLogger];
/** Good ones, and one that is refused by every method that looks at its first argument. */
const ARGUMENTS: readonly unknown[][] = [
  ['known', ['1-1'], {}],
  ['known', { maxLen: 1 }],
  ['*', 'g', 'new'],
];

type Methods = Record<string, (...args: unknown[]) => unknown>;

function callAll(): { name: string; result: unknown }[] {
  const calls = [];
  for (const service of SERVICES) {
    const instance = app.get<Methods>(service, { strict: false });
    const methods = Object.entries(Object.getOwnPropertyDescriptors(service.prototype as object));
    for (const [name, { value }] of methods) {
      if (LEFT_OUT.has(name) || typeof value !== 'function') continue;
      for (const args of ARGUMENTS) calls.push({ name, result: attempt(() => instance[name]!(...args)) });
    }
  }
  return calls;
}

/** What is refused where it is called is no promise that could be ignored. */
function attempt(act: () => unknown): unknown {
  try {
    return act();
  } catch {
    return undefined;
  }
}

async function ignoreAll(): Promise<void> {
  callAll();
  app.get(QueueService).events().subscribe();
  app
    .get(QueueService)
    .events()
    .subscribe(() => undefined);
  app.get(DiscoveryService).watch('other').subscribe();
  app.get(DiscoveryService).follow('other').subscribe();
  app.get(DiscoveryService).changes$.subscribe();
  app.get(ConfigStore).watch().subscribe();
  app.get(ConfigStore).watch('1.0.0').subscribe();
  // As long as a promise or a timer of theirs may take to end the process.
  await sleep(2_000);
  const results = callAll().filter(({ result }) => result instanceof Promise);
  const settled = await Promise.allSettled(
    results.map(({ result }) => Promise.race([result, sleep(3_000, 'waits', { ref: false })])),
  );
  const errors = settled.flatMap((one, at) =>
    one.status === 'rejected' ? [{ name: results[at]!.name, error: one.reason as unknown }] : [],
  );
  // Arguments of a wrong type are refused by the language.
  const untyped = errors.filter(({ error }) => !(error instanceof HydraError || error instanceof TypeError));
  const codes = [
    ...new Set(errors.map(({ error }) => (error instanceof HydraError ? error.code : 'TypeError'))),
  ];
  process.stdout.write(
    `${JSON.stringify({ called: results.length, rejected: errors.length, codes, untyped: untyped.map(({ name, error }) => `${name}: ${String(error)}`) })}\n`,
  );
}

createInterface({ input: process.stdin }).on('line', () => void ignoreAll());
process.stdout.write('{"ready":true}\n');
