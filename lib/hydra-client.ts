import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { connectable, defer, Observable, Subject } from 'rxjs';

import { enableDeadlinePropagation, remainingMs } from './delivery/deadline-context.js';
import { HydraError } from './hydra-error.js';
import { serviceName, type Balancer, type Instance } from './hydra-options.js';
import { outside } from './runtime/async-context.js';
import { ignorable } from './runtime/ignorable.js';
import type { ConnectionState, RedisClient } from './redis/redis-connections.js';
import { callUserCode } from './runtime/user-code.js';
import { createBalancer } from './registry/discovery/balancer.js';
import { createSelection, type Selection } from './registry/discovery/selection.js';
import type { CircuitState } from './transport/outgoing/circuit-breaker.js';
import {
  checkDurableEvents,
  resolveClientOptions,
  type HydraClientOptions,
} from './transport/outgoing/client-options.js';
import { codecOf, encodePacket, type Codec } from './transport/wire/codec.js';
import { HydraInstance } from './hydra-instance.js';
import { HydraRecord } from './transport/outgoing/hydra-record.js';
import { decodeReplies } from './transport/outgoing/decode-replies.js';
import type { CallRequest, CallTarget, Reply } from './transport/outgoing/outgoing-call.js';
import type { HydraQueued } from './transport/outgoing/queue-fallback.js';
import { RequestTime } from './transport/outgoing/request-time.js';

/** The defaults of a call without a record. */
const PLAIN = { isIdempotent: false, key: undefined, fallback: undefined } as const;

/**
 * How the client is connected to Redis, as its `status` tells it.
 *
 * @publicApi
 */
export type HydraClientStatus = 'connecting' | 'connected' | 'reconnecting' | 'disconnected';

/**
 * What `on` listens to: each status, when it begins.
 *
 * @publicApi
 */
export type HydraClientEvents = Record<HydraClientStatus, () => void>;

/**
 * Calls one service. `send` is answered by one live instance, `emit` is handled by one, `broadcast` by all.
 *
 * Every call ends by its deadline, with an answer or with a {@link HydraError}. When no instance is alive, it fails at
 * once with `NO_INSTANCE`. While Redis is away, it waits up to the deadline.
 *
 * @publicApi
 */
export class HydraClient extends ClientProxy<HydraClientEvents> {
  /** The service that is called. */
  readonly service: string;
  /** How long a call waits for its answer, in milliseconds. */
  readonly timeoutMs: number;

  private readonly instance: HydraInstance;
  private readonly balancer: Balancer;
  private readonly asksAlways: boolean;
  private readonly selection: Selection | undefined;
  private readonly codec: Codec | undefined;
  private readonly listeners: [keyof HydraClientEvents, () => void][] = [];
  private stopReporting: (() => void) | undefined;
  private target: CallTarget | undefined;
  private connecting: Promise<CallTarget> | undefined;
  private isClosed = false;

  /**
   * A client that stands alone: it has connections of its own, and needs no module.
   *
   * @throws HydraError `BAD_OPTION`
   */
  constructor(options: HydraClientOptions);
  /** @internal With the instance of the application that the client belongs to; bound to one instance of the service. */
  constructor(options: HydraClientOptions, shared?: HydraInstance, instanceId?: string);
  constructor(
    protected readonly options: HydraClientOptions,
    private readonly shared?: HydraInstance,
    private readonly instanceId?: string,
  ) {
    super();
    this.service = serviceName(options.service);
    this.selection = createSelection(options);
    const balancer = options.balancer ?? shared?.options.balancer ?? 'p2c';
    this.asksAlways = typeof balancer === 'function';
    this.codec = codecOf(options);
    checkDurableEvents(options.durableEvents);
    enableDeadlinePropagation();
    const resolved = resolveClientOptions(options);
    this.instance = shared ?? new HydraInstance(resolved);
    this.balancer = createBalancer(balancer, this.instance.random);
    this.timeoutMs = options.timeoutMs === undefined ? this.instance.options.timeoutMs : resolved.timeoutMs;
    this.initializeSerializer({});
    this.initializeDeserializer({});
  }

  /**
   * Connects, and loads the live instances. Waits for Redis without a limit, also after the connection was lost. Calls
   * do this automatically.
   *
   * @throws HydraError `CLOSED` after `close()`
   */
  connect(): Promise<void> {
    return ignorable(this.connected().then(() => undefined));
  }

  private async connected(time?: RequestTime): Promise<CallTarget> {
    if (this.isClosed) throw this.closedError();
    this.connecting ??= outside(() => this.open()).catch((error: unknown) => {
      this.connecting = undefined;
      throw error;
    });
    const target = await this.connecting;
    // Redis may be away for hours, and events must not wait that long.
    await this.instance.redis.connect(time && ((giveUp) => time.whenOver(giveUp)));
    return target;
  }

  /** Fails all calls in flight, and closes the connections unless they belong to the application. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.shared) await this.instance.close();
    this.stopReporting?.();
    this._status$.next('disconnected');
  }

  /** The state of the connection, now and after each change. */
  override get status(): Observable<HydraClientStatus> {
    this.startReporting();
    return super.status as Observable<HydraClientStatus>;
  }

  /** Calls the listener at each `connected`, `reconnecting` and `disconnected`. */
  override on<Event extends keyof HydraClientEvents>(event: Event, callback: HydraClientEvents[Event]): void {
    this.listeners.push([event, callback]);
    this.startReporting();
  }

  /** The connections: `[commands, subscriber]`. */
  unwrap<T = [commands: RedisClient, subscriber: RedisClient]>(): T {
    return [this.instance.redis.commands, this.instance.redis.subscriber] as T;
  }

  /** The instances that a call may go to now. */
  get instances(): readonly Instance[] {
    const servers = this.target?.view.servers ?? [];
    return this.selection ? this.selection.of(servers) : servers;
  }

  /** The same client, bound to one instance. If a call cannot reach this instance, it fails with `NO_INSTANCE`. */
  to(instanceId: string): HydraClient {
    const bound = new HydraClient(this.options, this.instance, instanceId);
    if (this.target) bound.target = { ...this.target, instanceId };
    return bound;
  }

  /**
   * Calls a handler of one live instance: `client.send<number>('sum', [1, 2])`. The call is made with each subscription;
   * unsubscribing cancels it, and the handler's signal aborts.
   *
   * @param pattern a text, a number or an object, as in `@MessagePattern`
   * @param data JSON data, which may hold Buffers, or a {@link HydraRecord} with options of this call
   * @returns the values of the answer; it fails with a {@link HydraError}, or with the error that the handler's
   * exception filter made
   */
  override send<Result = unknown, Input = unknown>(pattern: unknown, data: Input): Observable<Result> {
    // Nest's own refusal of null and undefined.
    if (pattern === null || pattern === undefined || data === null || data === undefined) {
      return super.send(pattern, data);
    }
    return new Observable<Result>((observer) => {
      const packet = this.packet(pattern, data);
      return this.publish(packet, this.createObserver(observer as never));
    });
  }

  /**
   * Sends an event to one live instance, or stores it in a stream according to `durableEvents`. It is sent at once,
   * with or without a subscriber.
   *
   * @returns completes when Redis has handed it to an instance or stored it; fails with a {@link HydraError},
   * `NO_INSTANCE` when no instance is alive
   */
  override emit<Result = unknown, Input = unknown>(pattern: unknown, data: Input): Observable<Result> {
    if (pattern === null || pattern === undefined || data === null || data === undefined) {
      return super.emit(pattern, data);
    }
    const source = defer(() => this.dispatchEvent<Result>(this.packet(pattern, data)));
    const sent = connectable(source, { connector: () => new Subject<Result>(), resetOnDisconnect: false });
    sent.connect();
    return sent;
  }

  /** The circuits of the instances that failed lately. */
  get circuits(): readonly CircuitState[] {
    return this.instance.calls.chooser.breaker.states();
  }

  /** Sends an event to every live instance. Fails with `NO_INSTANCE` when nobody received it. Sent at once, like `emit`. */
  broadcast<Input = unknown>(pattern: unknown, data: Input): Observable<void> {
    const request = this.requestOf(this.packet(pattern, data));
    const sent = this.limited(request, async (time) => {
      await this.instance.calls.events.broadcast(...(await this.prepared(request, time)), time);
    });
    sent.catch(() => undefined);
    return new Observable((observer) => {
      sent.then(
        () => {
          observer.next();
          observer.complete();
        },
        (error: unknown) => observer.error(error),
      );
    });
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const request = this.requestOf(packet);
    if (this.target && !this.isClosed && !this.codec) return this.call(request, this.target, callback);
    return this.publishLater(request, callback);
  }

  /** For a client that is not connected yet, or that has a codec, which may be async. */
  private publishLater(request: CallRequest, reply: Reply): () => void {
    const { clock } = this.instance;
    const startedAt = clock.monotonic();
    const deadline = { clock, deadlineAt: startedAt + request.timeoutMs };
    const decoded = this.codec ? decodeReplies(this.codec, request, deadline, reply) : reply;
    let cancel: (() => void) | undefined;
    let isCancelled = false;
    this.limited(request, (time) => this.prepared(request, time)).then(
      (prepared) => {
        if (!isCancelled) cancel = this.call(...prepared, decoded, startedAt);
      },
      (err: unknown) => {
        if (!isCancelled) reply({ err, isDisposed: true });
      },
    );
    return () => {
      isCancelled = true;
      cancel?.();
    };
  }

  private limited<T>(request: CallRequest, act: (time: RequestTime) => Promise<T>): Promise<T> {
    return RequestTime.limit(request, { service: this.service, clock: this.instance.clock }, act);
  }

  /**
   * The request once the client is connected and its data is encoded.
   *
   * @throws HydraError `CLOSED`; what a serializer throws
   */
  private async prepared(request: CallRequest, time: RequestTime): Promise<[CallRequest, CallTarget]> {
    const connected = this.connected(time).then((target) => {
      time.enter('serializer');
      return target;
    });
    const [target, data] = await Promise.all([connected, this.encoded(request)]);
    return [{ ...request, data }, target];
  }

  /**
   * Resolves when Redis has handed the event to an instance, or has stored it in a stream or, with `setFallback`, in a
   * queue.
   */
  protected async dispatchEvent<T = undefined>(packet: ReadPacket): Promise<T> {
    const stream = this.streamOf(packet);
    if (stream === undefined) return (await this.emitNow(this.requestOf(packet))) as T;
    await this.keep(stream, this.requestOf(packet));
    return undefined as T;
  }

  private async emitNow(request: CallRequest): Promise<HydraQueued | undefined> {
    return this.limited(request, async (time) =>
      this.instance.calls.events.emit(...(await this.prepared(request, time)), time),
    );
  }

  private streamOf({ pattern, data }: ReadPacket): string | undefined {
    const { durableEvents } = this.options;
    if (data instanceof HydraRecord && data.options.stream !== undefined) return data.options.stream;
    if (typeof durableEvents !== 'object') return durableEvents;
    const name = this.normalizePattern(pattern);
    return Object.hasOwn(durableEvents, name) ? durableEvents[name] : undefined;
  }

  private async keep(stream: string, request: CallRequest): Promise<void> {
    if (this.isClosed) throw this.closedError();
    if (this.codec?.serializer) throw noStreamError(this.service, stream);
    const { pattern, data, metadata } = request;
    const store = this.instance.streams.prepared(stream, data, {
      type: pattern,
      ...(metadata && { headers: metadata }),
    });
    await this.limited(request, async (time) => {
      await this.connected(time);
      if (time.isOver) return;
      time.enter('redis');
      await store();
    });
  }

  private async encoded(request: CallRequest): Promise<unknown> {
    return this.codec ? encodePacket(this.codec, request) : request.data;
  }

  private call(request: CallRequest, target: CallTarget, reply: Reply, startedAt?: number): () => void {
    const { calls } = this.instance;
    const call = calls.start(request, target, reply, startedAt);
    return () => calls.cancel(call);
  }

  /** The packet as Nest 12 makes it, dispatch hook included; Nest 11 has no such method. */
  private packet(pattern: unknown, data: unknown): ReadPacket {
    return typeof this.createPacket === 'function' ? this.createPacket(pattern, data) : { pattern, data };
  }

  private requestOf(packet: ReadPacket): CallRequest {
    const pattern = this.normalizePattern(packet.pattern);
    const { metadata } = packet as { metadata?: Record<string, string> };
    const record: unknown = packet.data;
    if (!(record instanceof HydraRecord)) {
      const timeoutMs = this.within(this.timeoutMs);
      return { pattern, data: record, metadata, timeoutMs, ...PLAIN };
    }
    const { timeoutMs, headers, isIdempotent = false, key, fallback } = record.options;
    if (fallback && this.codec?.serializer) throw noFallbackError(this.service);
    return {
      pattern,
      data: record.data,
      metadata: headers ? { ...metadata, ...headers } : metadata,
      timeoutMs: this.within(timeoutMs ?? this.timeoutMs),
      isIdempotent,
      key,
      fallback,
    };
  }

  /** A handler's own calls end when its caller stops waiting. */
  private within(timeoutMs: number): number {
    return Math.min(timeoutMs, Math.max(0, remainingMs()));
  }

  private async open(): Promise<CallTarget> {
    if (this.options.name === undefined || this.shared) await this.instance.open();
    else await this.instance.announce();
    const view = await this.instance.discovery.viewOf(this.service);
    const { balancer, asksAlways, selection, instanceId } = this;
    this.target = { view, balancer, asksAlways, selection, instanceId };
    return this.target;
  }

  /** Only with a subscriber, because clients that are bound to an instance are made for each call. */
  private startReporting(): void {
    if (this.stopReporting) return;
    this.stopReporting = this.instance.redis.onState(() => this.reportStatus());
    this._status$.next(STATUS[this.instance.redis.state]);
  }

  private reportStatus(): void {
    const status = STATUS[this.instance.redis.state];
    this._status$.next(status);
    for (const [event, callback] of this.listeners)
      if (event === status) callUserCode(`on('${event}')`, callback);
  }

  private closedError(): HydraError {
    return new HydraError('CLOSED', `the client of "${this.service}" is closed`);
  }
}

function noStreamError(service: string, stream: string): HydraError {
  const why = 'entries pass through no serializer, and this client has one';
  return new HydraError('BAD_OPTION', `an event to "${service}" kept in the stream "${stream}": ${why}`);
}

function noFallbackError(service: string): HydraError {
  const why = 'jobs pass through no serializer, and this client has one';
  return new HydraError('BAD_OPTION', `the fallback 'queue' of a call to "${service}": ${why}`);
}

const STATUS: Readonly<Record<ConnectionState, HydraClientStatus>> = {
  connecting: 'connecting',
  ready: 'connected',
  lost: 'reconnecting',
  closed: 'disconnected',
};
