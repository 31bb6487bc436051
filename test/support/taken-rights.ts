import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { NestFactory } from '@nestjs/core';
import { firstValueFrom } from 'rxjs';

import {
  ConfigStore,
  HydraError,
  HydraHealthIndicator,
  HydraLogger,
  HydraModule,
  HydraServer,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  getClientToken,
  type HydraClient,
} from '../../lib/index.js';
import type { AclRedis } from './acl.js';
import { eventually } from './eventually.js';
import { uniqueService } from './unique.js';

/** How long something may take before it has to have been said why. */
const SAID_WITHIN_MS = 8_000;

/** How long a refusal of what was asked for takes at most, before readiness is asked. */
const ANSWERED_WITHIN_MS = 3_000;
/** How long what is done beside takes to be done once: a heartbeat of a group, a look for the dead. */
const BESIDE_MS = 4_000;
const TOLD = 'told in readiness';

/** The words of rules, each once: `+get`, `~key`, `%R~key`, `&channel`. */
export function rightsIn(rules: readonly string[]): readonly string[] {
  const words = rules.flatMap((rule) => rule.replaceAll(/[()]/g, '').split(' '));
  return [...new Set(words)].filter((word) => /^(\+|~|%R~|&)/.test(word));
}

/** The rules without a right, wherever it stands. */
export function withoutRight(rules: readonly string[], right: string): readonly string[] {
  return rules
    .map((rule) => {
      if (!rule.startsWith('(')) return rule === right ? '' : rule;
      const words = rule
        .slice(1, -1)
        .split(' ')
        .filter((word) => word !== right);
      return `(${words.join(' ')})`;
    })
    .filter((rule) => rule !== '');
}

interface Step {
  readonly name: string;
  /** Resolves when it is done; rejects when it is refused. */
  readonly run: () => Promise<unknown>;
}

/** What came of a service that lacks a right. */
export interface Tried {
  /** What was silent, half done or wrongly told. */
  readonly problems: readonly string[];
  /** What was refused to who asked for it. */
  readonly rejected: readonly string[];
  /** What did not come about, for which readiness says why. */
  readonly told: readonly string[];
}

/** Starts a service with these rules, which does all that it can. */
export async function tryWith(
  { admin, url }: AclRedis,
  rulesFor: (service: string) => readonly string[],
): Promise<Tried> {
  const service = uniqueService('taken');
  await admin.call('ACL', 'SETUSER', service, 'reset', 'on', '>pw', ...rulesFor(service));
  const handled: unknown[] = [];
  const app = await createApplication(service, url.replace('//', `//${service}:pw@`), handled);
  const problems: string[] = [];
  const rejected: string[] = [];
  const told: string[] = [];
  const judge = (name: string, outcome: unknown) => {
    if (outcome === 'done') return;
    if (isForbidden(outcome)) (outcome.message.includes(TOLD) ? told : rejected).push(name);
    else problems.push(`${name}: ${shown(outcome)}`);
  };
  try {
    const start = await outcomeOf(app.listen());
    judge('start', start);
    if (start !== 'done') return { problems, rejected, told };
    const health = async () => JSON.stringify((await app.get(HydraHealthIndicator).isHealthy()).hydra);
    const isTold = async () => /NOPERM|can't run this command|ACL failure/i.test(await health());
    for (const { name, run } of stepsOf(app, service, handled)) {
      const outcome = await outcomeOf(Promise.race([run(), untilTold(isTold)]));
      judge(name, outcome);
    }
    if (rejected.length + told.length === 0 && (await isSeenSoon(isTold))) told.push('work beside');
    await admin.call('ACL', 'SETUSER', service, 'allkeys', 'allchannels', '+@all');
    await isWholeAgain(app, service, handled).catch((error: unknown) =>
      problems.push(`afterwards: ${String(error)}`),
    );
    return { problems, rejected, told };
  } finally {
    await app.close();
  }
}

async function createApplication(service: string, redis: string, handled: unknown[]) {
  @Controller()
  class Everything {
    @MessagePattern('sum')
    sum(@Payload() numbers: number[]): number {
      return numbers.length;
    }

    @QueuePattern('job')
    job(@Payload() number: number): number {
      handled.push(`job ${number}`);
      return number;
    }

    @StreamPattern('taken-orders', { group: service })
    entry(@Payload() of: string): void {
      if (of === service) handled.push('entry');
    }
  }
  const feature = HydraModule.forFeature({ clients: [service] });
  const options = { service, redis, timeoutMs: SAID_WITHIN_MS - 2_000, drain: { timeoutMs: 1_000 } };
  @Module({ imports: [HydraModule.forRoot(options), feature], controllers: [Everything] })
  class AppModule {}
  return NestFactory.createMicroservice(AppModule, {
    inject: [HydraServer],
    useFactory: (strategy: HydraServer) => ({ strategy }),
    logger: false,
  });
}

type App = Awaited<ReturnType<typeof createApplication>>;

function stepsOf(app: App, service: string, handled: readonly unknown[]): readonly Step[] {
  const seen = (what: string) =>
    eventually(() => handled.includes(what), { what, timeoutMs: SAID_WITHIN_MS });
  const client = app.get<HydraClient>(getClientToken(service));
  const queues = app.get(QueueService);
  return [
    { name: 'a call', run: () => firstValueFrom(client.send('sum', [1, 2])) },
    { name: 'a job', run: async () => (await queues.add('job', 1)).result({ timeoutMs: SAID_WITHIN_MS }) },
    {
      name: 'a job that waits',
      run: async () =>
        (await queues.add('job', 2, { delayMs: 50, id: 'two' })).result({ timeoutMs: SAID_WITHIN_MS }),
    },
    { name: 'counts', run: () => queues.counts() },
    { name: 'an entry', run: () => app.get(StreamService).publish('taken-orders', service) },
    { name: 'its handler', run: () => seen('entry') },
    { name: 'a configuration', run: () => app.get(ConfigStore).put('1.0.0', { a: 1 }) },
    {
      name: 'a line of the log',
      run: () => {
        app.get(HydraLogger).error('hello');
        return app.get(HydraLogger).flush();
      },
    },
  ];
}

/** With all rights again: what was begun is done, nothing is held by nobody. */
async function isWholeAgain(app: App, service: string, handled: readonly unknown[]): Promise<void> {
  const queues = app.get(QueueService);
  const job = await queues.add('job', 3);
  await job.result({ timeoutMs: 20_000 });
  await eventually(async () => (await queues.counts()).active === 0, {
    what: 'no job to be active',
    timeoutMs: 20_000,
  });
  await app.get(StreamService).publish('taken-orders', service);
  await eventually(() => handled.includes('entry'), { what: 'an entry', timeoutMs: 20_000 });
}

/** Whether readiness says that something is refused which nobody waits for. */
async function isSeenSoon(isTold: () => Promise<boolean>): Promise<boolean> {
  return eventually(isTold, { what: 'the reason', timeoutMs: BESIDE_MS, everyMs: 100 }).catch(() => false);
}

/** Never resolves: rejects when the reason is told. */
async function untilTold(isTold: () => Promise<boolean>): Promise<never> {
  // Who is refused at once hears it at once, and not from readiness.
  await sleep(ANSWERED_WITHIN_MS);
  await eventually(isTold, { what: 'the reason', timeoutMs: SAID_WITHIN_MS, everyMs: 100 }).catch(
    () => new Promise(() => undefined),
  );
  throw new HydraError('FORBIDDEN', TOLD);
}

async function outcomeOf(act: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise(
    (resolve) => (timer = setTimeout(resolve, SAID_WITHIN_MS + 4_000, new Error('nothing was said'))),
  );
  const outcome = await Promise.race([
    act.then(
      () => 'done',
      (error: unknown) => error,
    ),
    late,
  ]);
  clearTimeout(timer);
  return outcome;
}

const isForbidden = (outcome: unknown): outcome is HydraError =>
  outcome instanceof HydraError && outcome.code === 'FORBIDDEN';

const shown = (outcome: unknown) => String(outcome).slice(0, 300);
