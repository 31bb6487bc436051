import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { lastValueFrom, Observable, of, throwError } from 'rxjs';

import { HydraHttpClient } from '../../lib/http/hydra-http-client.js';
import type { PublishListener } from '../../lib/transport/wire/messenger.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import {
  HydraClient,
  HydraError,
  HydraServer,
  type HydraContext,
  type HydraJobContext,
  type HydraClientOptions,
  type HydraErrorCode,
  type HydraOptions,
} from '../../lib/index.js';
import { QueueService } from '../../lib/queue/producer/queue-service.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { atEnd } from './at-end.js';
import { eventually } from './eventually.js';
import { uniqueService } from './unique.js';

const NONE = { retryable: false, mayHaveRun: false };
let redis: RunningRedis;
let admin: Redis;
let began = 0;
const contexts: HydraContext[] = [];
const jobFailures: unknown[] = [];

/** What is inside the source of calls. */
interface Calls {
  readonly reader: { refuse(): void };
  readonly limiter: { readonly waitingCount: number };
}

/** The Redis that everything here works with; its tests freeze it and change its settings. */
export function failWith(given: RunningRedis): Redis {
  redis = given;
  admin = new Redis(redis.url);
  atEnd(() => admin.disconnect());
  return admin;
}

/** Handlers without Nest before them: what they throw is what the caller is told. */
const HANDLERS: Record<string, (data: never, context: HydraContext) => unknown> = {
  echo: (data) => data,
  never: () => {
    began++;
    return new Promise(() => undefined);
  },
  pause: (ms: number) => sleep(ms),
  bigint: () => ({ id: 10n }),
  large: () => 'x'.repeat(5_000),
  largeError: () => throwError(() => ({ status: 'error', message: 'x'.repeat(5_000) })),
  values: () => of(1, 2, 3),
  flood: () =>
    new Observable((observer) => {
      for (let index = 0; index < 100_000; index++) observer.next(index);
    }),
  abort: (_data, context) =>
    new Promise(() => context.signal.addEventListener('abort', () => contexts.push(context))),
  fail: (code: HydraErrorCode) => throwError(() => new HydraError(code, 'met in a call of its own', NONE)),
  failAsJson: (code: HydraErrorCode) =>
    throwError(() => new HydraError(code, 'as Nest has it', NONE).toJSON()),
  failInWords: () => throwError(() => ({ status: 'error', message: 'no' })),
};

const JOBS: Record<string, (data: string, context: HydraJobContext) => Promise<unknown>> = {
  fail: async () => {
    throw new Error('no');
  },
  progress: async (service, context) => {
    const leases = await admin.keys(`*:${service}:*lease*`);
    if (leases.length > 0) await admin.del(...leases);
    await context.progress(1).catch((error: unknown) => jobFailures.push(error));
  },
};

export interface Started {
  readonly service: string;
  readonly server: HydraServer;
  readonly instance: HydraInstance;
  /** Calls that wait in line. */
  waiting(): number;
}

export async function serve(
  options: Partial<HydraOptions> = {},
  service = uniqueService('errors'),
): Promise<Started> {
  const server = new HydraServer({ maxPayloadBytes: 2_000, ...options, service, redis: redis.url });
  for (const [pattern, handler] of Object.entries(HANDLERS)) {
    server.addHandler(pattern, (async (data: never, context: HydraContext) =>
      handler(data, context)) as never);
  }
  for (const [pattern, handler] of Object.entries(JOBS)) {
    server.addHandler(pattern, handler as never, false, { hydra: { mode: 'job', options: {} } });
  }
  atEnd(() => server.close());
  await new Promise<void>((resolve, reject) => {
    void server.listen((error) => (error === undefined ? resolve() : reject(error)));
  });
  const { instance, sources } = server as unknown as { instance: HydraInstance; sources: readonly Calls[] };
  return { service, server, instance, waiting: () => sources[0]!.limiter.waitingCount };
}

export async function connect(
  service: string,
  options: Partial<HydraClientOptions> = {},
): Promise<HydraClient> {
  const client = new HydraClient({ redis: redis.url, ...options, service });
  atEnd(() => client.close());
  await client.connect();
  return client;
}

/** An instance of this process, for what an application has beside its server. */
export async function open(options: Partial<HydraOptions> = {}): Promise<HydraInstance> {
  const service = uniqueService('errors');
  const instance = new HydraInstance(resolveOptions({ redis: redis.url, ...options, service }));
  atEnd(() => instance.close());
  await instance.open();
  return instance;
}

export const queueOf = (instance: HydraInstance) => new QueueService(instance);
export const call = (client: HydraClient, pattern: string, data: unknown = {}) =>
  lastValueFrom(client.send(pattern, data));

/** Makes a call that is never answered, and does something once its handler has begun. */
export async function onceBegun(
  client: HydraClient,
  act: () => unknown,
  record: unknown = {},
): Promise<unknown> {
  const before = began;
  const answer = call(client, 'never', record);
  answer.catch(() => undefined);
  await eventually(() => began > before, { what: 'the handler to begin' });
  await act();
  return answer;
}

/** The context of a call whose handler was begun, and whose caller then went away. */
export async function begunContext(client: HydraClient): Promise<HydraContext> {
  const before = contexts.length;
  const waiting = client.send('abort', {}).subscribe({ error: () => undefined });
  await eventually(() => client['instance'].calls.inFlight > 0, { what: 'the call' });
  await call(client, 'echo');
  waiting.unsubscribe();
  return eventually(() => contexts[before], { what: 'the signal' });
}

/** What a job's own report failed with. */
export function jobFailure(what: string): Promise<never> {
  return eventually(() => jobFailures.pop(), { what }).then((error) => Promise.reject(error as Error));
}

/** As at the very beginning of a drain, when callers have not heard of it yet. */
export function beginToStop({ server }: Started): void {
  (server as unknown as { sources: readonly Calls[] }).sources[0]!.reader.refuse();
}

/** As if the connection of its callers broke under each such part of an answer: Redis took it, and nobody reads it. */
export function loseParts(kind: number, { instance: { messenger } }: Started): void {
  const post = messenger.post.bind(messenger) as (...args: unknown[]) => void;
  messenger.post = (
    channel: string,
    item: string,
    listener?: PublishListener<unknown>,
    subject?: unknown,
  ) => {
    if (item.startsWith(`[${kind},`)) listener?.onPublished('delivered', subject);
    else post(channel, item, listener, subject);
  };
}

/** As if its process were gone: no connection, and no word of farewell. */
export async function crash({ service, instance }: Started): Promise<void> {
  instance.redis.close();
  const channel = instance.keys.instanceChannel(service, instance.id);
  const isGone = async () => (await admin.pubsub('NUMSUB', channel))[1] === 0;
  await eventually(isGone, { what: 'Redis to notice' });
}

export async function whileSet<T>(name: string, value: string, act: () => Promise<T>): Promise<T> {
  const [, before = ''] = await admin.config('GET', name);
  await admin.config('SET', name, value);
  try {
    return await act();
  } finally {
    await admin.config('SET', name, before);
  }
}

/** A script that runs until it is killed: Redis says BUSY to all else. */
export function whileBusy<T>(act: () => Promise<T>): Promise<T> {
  return whileSet('lua-time-limit', '1', async () => {
    const other = new Redis(redis.url);
    const script = other.eval('while true do end', 0).catch(() => undefined);
    const isBusy = () =>
      admin.ping().then(
        () => false,
        ({ message }: Error) => message.startsWith('BUSY'),
      );
    try {
      await eventually(isBusy, { what: 'Redis to be busy' });
      return await act();
    } finally {
      await eventually(() => admin.script('KILL'), { what: 'the script to end' });
      await script;
      other.disconnect();
    }
  });
}

export async function listenHttp(server: Server): Promise<number> {
  atEnd(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listenHttp(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const breaksOff = () => createServer((request) => request.socket.destroy());
export const neverAnswers = () => createServer(() => undefined);

/** A service with an HTTP port for each of these, found by an HTTP client. */
export async function httpTo(...ports: number[]): Promise<{ service: string; http: HydraHttpClient }> {
  const service = uniqueService('web');
  for (const port of ports) {
    const instance = new HydraInstance(
      resolveOptions({ service, redis: redis.url, host: '127.0.0.1', port }),
    );
    atEnd(() => instance.close());
    await instance.announce();
  }
  const instance = await open();
  const view = await instance.discovery.viewOf(service);
  await eventually(() => view.instances.length === ports.length, { what: 'the instances' });
  return { service, http: new HydraHttpClient(instance, instance.discovery) };
}
