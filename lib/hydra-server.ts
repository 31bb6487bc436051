import { Logger } from '@nestjs/common';
import { Server, type MessageHandler } from '@nestjs/microservices';

import { tellOfAbsentRedis } from './absent-redis.js';
import type { DeliveryContext } from './delivery/delivery-context.js';
import type { BoundHandler, DeliveryExtras, DeliveryMode, Dispatch, Source } from './delivery/source.js';
import { HydraError } from './hydra-error.js';
import { resolveOptions, type HydraOptions } from './hydra-options.js';
import { addServerGauges } from './instance-gauges.js';
import { ObservedDeliveries } from './observed-deliveries.js';
import { QueueSource } from './queue/worker/queue-source.js';
import { outside } from './runtime/async-context.js';
import { lacksRight } from './redis/redis-error.js';
import type { ConnectionState, RedisClient } from './redis/redis-connections.js';
import { warnOfServer } from './redis/faults/server-faults.js';
import { tellMissingRights } from './registry/needed-rights.js';
import { callUserCode } from './runtime/user-code.js';
import { StreamSource } from './streams/stream-source.js';
import { CallSource } from './transport/incoming/call-source.js';
import { HydraInstance } from './hydra-instance.js';

/**
 * The transport id of {@link HydraServer}: handlers bound to it (`@MessagePattern('sum', HYDRA)`) belong to no other
 * transport.
 *
 * @publicApi
 */
export const HYDRA = Symbol.for('hydra');

/**
 * How the server is connected to Redis, as its `status` tells it.
 *
 * @publicApi
 */
export type HydraServerStatus = 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/**
 * What `on` listens to: each status, when it begins.
 *
 * @publicApi
 */
export type HydraServerEvents = Record<HydraServerStatus, () => void>;

const log = new Logger('Hydra');

/** A server that waits for Redis logs this after this time, in milliseconds: before a test runner gives up its hook. */
const TELL_AFTER_MS = 1_000;

const STATUS: Readonly<Record<ConnectionState, HydraServerStatus>> = {
  connecting: 'connecting',
  ready: 'connected',
  lost: 'reconnecting',
  closed: 'disconnected',
};

/**
 * The one strategy that runs Nest's handlers on Redis: calls and events, jobs, entries of streams.
 *
 * It is registered as soon as it listens. It stops in this order: it leaves the registry, refuses new calls so that
 * callers try other instances, lets handlers finish, and ends its subscriptions.
 *
 * @publicApi
 */
export class HydraServer extends Server<HydraServerEvents, HydraServerStatus> {
  private readonly instance: HydraInstance;
  private readonly tables: Readonly<Record<DeliveryMode, Map<string, BoundHandler>>> = {
    call: new Map(),
    job: new Map(),
    entry: new Map(),
  };
  private readonly sources: readonly Source[];
  /** Whether it works on what is stored in Redis. */
  private readonly servesStored: () => boolean;
  private readonly listeners: [keyof HydraServerEvents, () => void][] = [];
  private readonly ownsInstance: boolean;
  /** Nest's own hook, which does nothing but cost a closure a call. */
  private readonly noHook = this.onProcessingStartHook;
  private readonly observed: ObservedDeliveries;
  private isListening = false;
  private closing: Promise<void> | undefined;

  /**
   * A server that stands alone: it has connections of its own, and needs no module.
   *
   * @throws HydraError `BAD_OPTION`
   */
  constructor(options: HydraOptions);
  /** @internal With the instance of the application that the server belongs to. */
  constructor(options: HydraOptions | HydraInstance);
  constructor(options: HydraOptions | HydraInstance) {
    super();
    this.ownsInstance = !(options instanceof HydraInstance);
    this.instance =
      options instanceof HydraInstance
        ? options
        : new HydraInstance(resolveOptions(options, process.env, 'HydraServer'));
    this.setTransportId(HYDRA);
    this.initializeSerializer({});
    this.initializeDeserializer({});
    const dispatch = this.createDispatch();
    const calls = new CallSource(this.instance, this.instance.messenger, dispatch);
    const streams = new StreamSource(this.instance, dispatch);
    const queues = new QueueSource(this.instance, dispatch);
    this.observed = new ObservedDeliveries(this.instance, (pattern) => queues.queueNamed(pattern));
    addServerGauges(this.instance, { calls, queues, streams });
    this.instance.attach(calls, { queues, streams });
    this.instance.health.contribute('streams', () => streams.findings);
    this.instance.health.contribute('queues', () => queues.findings);
    this.sources = [calls, queues, streams];
    this.servesStored = () => queues.queues.length + streams.groups.length > 0;
    this.instance.redis.onState((state) => this.report(STATUS[state]));
  }

  /** Whether there is anything to serve. */
  get hasHandlers(): boolean {
    return Object.values(this.tables).some(({ size }) => size > 0);
  }

  /** @internal Whether somebody has told it to listen. */
  get isStarted(): boolean {
    return this.isListening;
  }

  /**
   * Sorts the handlers by the way they are reached; everything else is Nest's.
   *
   * @throws HydraError `BAD_OPTION` for a pattern with a wildcard
   */
  override addHandler(
    pattern: unknown,
    handler: MessageHandler,
    isEvent = false,
    extras: Record<string, unknown> = {},
  ): void {
    const { mode = 'call', options = {} } = (extras as DeliveryExtras).hydra ?? {};
    if (mode !== 'entry') refuseWildcard(pattern);
    const route = this.normalizePattern(pattern as never);
    this.warnOfHidden(mode, route, isEvent);
    if (mode === 'call') super.addHandler(pattern, handler, isEvent, extras);
    const head = mode === 'call' ? this.messageHandlers.get(route)! : handler;
    // One stream may have many handlers: for other groups, or other types.
    const place = mode === 'entry' ? `${route}#${this.tables.entry.size}` : route;
    this.tables[mode].set(place, {
      pattern: route,
      isEvent: head.isEventHandler ?? isEvent,
      options,
      handler: head,
    });
  }

  /** Events go to all of their handlers, and entries to one for each group and type; of the others the last one counts. */
  private warnOfHidden(mode: DeliveryMode, route: string, isEvent: boolean): void {
    const before = mode === 'entry' ? undefined : this.tables[mode].get(route);
    if (!before || isEvent || before.isEvent) return;
    const what = mode === 'job' ? '@QueuePattern' : '@MessagePattern';
    this.logger.warn(`two handlers of ${what}("${route}"): only the one that Nest found last is called`);
  }

  /**
   * Connects, subscribes, starts every source and registers the instance; calls back once Redis has confirmed it all, or
   * once the server is closed. Waits for a Redis that is away. What Redis refuses (a password, a certificate, a right) it
   * calls back with at once, and closes. Where it listens already it calls back with `BAD_OPTION`, and keeps listening.
   */
  listen(callback: (error?: unknown) => void): Promise<void> {
    return outside(() => this.start(callback));
  }

  private async start(callback: (error?: unknown) => void): Promise<void> {
    if (this.isListening && !this.closing) return callback(connectedTwice(this.instance.options.service));
    this.isListening = true;
    const { service } = this.instance.options;
    const what = `the server of "${service}" waits for it, and listens then`;
    const stopTelling = tellOfAbsentRedis(this.instance, what, TELL_AFTER_MS);
    try {
      for (const source of this.sources) source.check?.();
      await this.instance.open();
      stopTelling();
      for (const source of this.sources) {
        this.refuseIfClosing();
        await source.start();
      }
      this.refuseIfClosing();
      await this.instance.presence.update({ capabilities: { acceptsCalls: true } });
      await this.instance.announce();
      this.report('connected');
      callback();
      if (this.servesStored()) void warnOfServer(this.instance.redis);
    } catch (error) {
      // It was closed while it waited for Redis. This is not a failure.
      if (this.closing) return callback();
      if (lacksRight(error)) await tellMissingRights(this.instance);
      callback(error);
      // Nothing else would close the connections.
      await this.close();
      await this.instance.close();
    } finally {
      stopTelling();
    }
  }

  /** Drains and stops, within `drain.timeoutMs`. Idempotent; resolves when it is done. */
  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  /** Calls the listener at each `connected`, `reconnecting` and `disconnected`. */
  on<Event extends keyof HydraServerEvents>(event: Event, callback: HydraServerEvents[Event]): void {
    this.listeners.push([event, callback]);
  }

  /** The connections: `[commands, subscriber]`. */
  unwrap<T = [commands: RedisClient, subscriber: RedisClient]>(): T {
    return [this.instance.redis.commands, this.instance.redis.subscriber] as T;
  }

  /** A server that was closed while it waited for Redis must not start after its drain. */
  private refuseIfClosing(): void {
    if (!this.closing) return;
    throw new HydraError(
      'CLOSED',
      `the server of "${this.instance.options.service}" was closed while it started`,
    );
  }

  private async drain(): Promise<void> {
    const { drain, service } = this.instance.options;
    const deadlineAt = this.instance.clock.monotonic() + drain.timeoutMs;
    log.log(
      `${service} drains: it takes no more work, and ends what is in progress within ${drain.timeoutMs} ms`,
    );
    await this.instance.presence.withdraw();
    await Promise.all(this.sources.map((source) => source.drain(deadlineAt)));
    // An application's own calls, those of its HTTP requests among them, may still wait for answers.
    if (this.ownsInstance) await this.instance.close();
    this.report('disconnected');
  }

  private createDispatch(): Dispatch {
    return {
      handlers: (mode) => this.tables[mode],
      run: (bound, data, context) => this.run(bound, data, context),
      settled: (context) => this.settled(context),
    };
  }

  private run({ handler }: BoundHandler, data: unknown, context: DeliveryContext): Promise<unknown> {
    this.observed.started(context);
    const hasHook = this.onProcessingStartHook !== this.noHook;
    return context.enter(() =>
      hasHook ? this.runHooked(handler, data, context) : (handler(data, context) as Promise<unknown>),
    );
  }

  private runHooked(handler: MessageHandler, data: unknown, context: DeliveryContext): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const handle = async () => {
        try {
          resolve(await handler(data, context));
        } catch (error) {
          reject(error);
        }
      };
      this.onProcessingStartHook(HYDRA, context, handle);
    });
  }

  private settled(context: DeliveryContext): void {
    this.observed.ended(context);
    if (!this.onProcessingEndHook) return;
    callUserCode('the processing end hook', () => this.onProcessingEndHook?.(HYDRA, context));
  }

  private report(status: HydraServerStatus): void {
    this._status$.next(status);
    for (const [event, callback] of this.listeners)
      if (event === status) callUserCode(`on('${event}')`, callback);
  }
}

function connectedTwice(service: string): HydraError {
  const what = `the HydraServer of "${service}" is connected twice, and each event would be handled twice`;
  return new HydraError('BAD_OPTION', `${what}: connect it once`);
}

/** Other transports support wildcards. Here the handler would never be called. */
function refuseWildcard(pattern: unknown): void {
  if (typeof pattern !== 'string' || !/\*|(^|\.)>$/.test(pattern)) return;
  throw new HydraError(
    'BAD_OPTION',
    `the pattern "${pattern}" has a wildcard, which HydraServer does not know: give each pattern a handler, or the handler the transport it is meant for`,
  );
}
