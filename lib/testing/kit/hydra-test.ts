import type { DiscoveryService } from '../../registry/discovery/discovery-service.js';
import { HydraClient } from '../../hydra-client.js';
import { HydraError } from '../../hydra-error.js';
import type { HydraRootModule } from '../../hydra-factory.js';
import { HydraInstance } from '../../hydra-instance.js';
import {
  integer,
  refuseUnknown,
  resolveOptions,
  type NamesOf,
  type RedisLocation,
} from '../../hydra-options.js';
import type { QueueService } from '../../queue/producer/queue-service.js';
import { systemClock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import type { StreamService } from '../../streams/stream-service.js';
import type { HydraClientOptions } from '../../transport/outgoing/client-options.js';
import { durationMs, type Duration } from '../duration.js';
import { findLua } from '../lua/lua-library.js';
import type { MemoryProcess } from '../memory-process.js';
import { MemoryRedis } from '../memory-redis.js';
import type { VirtualClock } from '../virtual-clock.js';
import { Journal } from './journal.js';
import type { Matcher } from './matcher.js';
import { QueueRun } from './queue-run.js';
import type { EventRecord, HandledRecord, JobRecord } from './records.js';
import { Stubs, type Stub, type StubFunction } from './stub.js';
import { StubServices } from './stub-services.js';
import {
  moduleOf,
  startApplication,
  type HydraTestModule,
  type OverrideModule,
} from './test-applications.js';
import { TestInstance } from './test-instance.js';

/** How long an expectation waits for what is under way. */
const EXPECT_TIMEOUT_MS = 1_000;
/** What the test itself is called by the services that it calls. */
const OWN_SERVICE = 'hydra-test';
/** How long closing may take before time is moved along for handlers that hang. */
const CLOSE_GRACE_MS = 200;

/** @publicApi */
export interface HydraTestOptions {
  /** The root modules of the services; each imports `HydraModule.forRoot`, whose Redis is replaced. @defaultValue [] */
  readonly modules?: readonly (HydraRootModule | HydraTestModule)[];
  /** How many instances of each are started. @defaultValue 1 */
  readonly replicas?: number;
  /** Changes every application before it is compiled: `(builder) => builder.overrideProvider(Mailer).useValue(fake)`. */
  readonly override?: OverrideModule;
  /** The Redis of all of them: one in memory, or where a real one is. @defaultValue a MemoryRedis of its own */
  readonly redis?: MemoryRedis | RedisLocation;
  /** Of the MemoryRedis that it makes. @defaultValue none */
  readonly seed?: number;
}

const NAMES = {
  modules: true,
  replicas: true,
  override: true,
  redis: true,
  seed: true,
} satisfies NamesOf<HydraTestOptions>;

/** How long an expectation waits. @publicApi */
export interface ExpectOptions {
  /** Milliseconds of real time. @defaultValue 1000 */
  readonly timeoutMs?: number;
}

const EXPECT_NAMES = { timeoutMs: true } satisfies NamesOf<ExpectOptions>;

/**
 * A whole set of services in this process, for one test.
 *
 * @example
 * ```ts
 * const test = await HydraTest.create({ modules: [OrdersModule, { module: PaymentsModule, replicas: 3 }] });
 * const order = await firstValueFrom(test.client('orders').send('place', { amount: 7 }));
 * await test.expectJob('invoice.pdf', { order: order.id });
 * await test.close();
 * ```
 *
 * @publicApi
 */
export class HydraTest {
  /** The instances that were started, in order. */
  readonly instances: readonly TestInstance[];
  readonly #started: TestInstance[] = [];
  readonly #redis: MemoryRedis | RedisLocation;
  readonly #ownsRedis: boolean;
  readonly #journal = new Journal();
  readonly #stubs = new Stubs();
  readonly #stubServices: StubServices;
  readonly #counts = new Map<string, number>();
  #own: HydraInstance | undefined;
  #closing: Promise<void> | undefined;

  private constructor({ redis, seed }: HydraTestOptions) {
    this.#ownsRedis = redis === undefined;
    this.#redis = redis ?? new MemoryRedis(seed === undefined ? {} : { seed });
    this.instances = this.#started;
    const observation = { journal: this.#journal, stubs: this.#stubs };
    this.#stubServices = new StubServices(
      observation,
      () => this.#location(),
      (service) => this.#nameOf(service),
    );
    this.#journal.open();
  }

  /**
   * Starts them, one after the other, and resolves when all of them can be called.
   *
   * @throws HydraError `BAD_OPTION` for an unknown option, and without the packages `@nestjs/testing` or, in memory,
   *   `wasmoon`; what the start of an application throws. What was started is closed by then.
   */
  static async create(options: HydraTestOptions = {}): Promise<HydraTest> {
    refuseUnknown('HydraTest.create', options, NAMES);
    const { modules = [], replicas = 1, override } = options;
    const test = new HydraTest(options);
    try {
      // At once, and not as what a start waits for.
      if (test.#redis instanceof MemoryRedis) await findLua();
      for (const given of modules.map(moduleOf)) {
        const count = integer('replicas of HydraTest.create', given.replicas ?? replicas, 0);
        for (let n = 0; n < count; n++) await test.#start(given, override);
      }
      await test.#caller.open();
    } catch (error) {
      await test.close();
      throw error;
    }
    return test;
  }

  /**
   * The Redis in memory: `redis.faults`, `redis.process()`.
   *
   * @throws HydraError `BAD_OPTION` on a real Redis
   */
  get redis(): MemoryRedis {
    if (this.#redis instanceof MemoryRedis) return this.#redis;
    throw new HydraError('BAD_OPTION', 'this test is on a real Redis: it has no MemoryRedis, and no clock');
  }

  /** The time of all instances: `await test.clock.advance('3 h')`. Throws as {@link redis}. */
  get clock(): VirtualClock {
    return this.redis.clock;
  }

  /**
   * One instance: `test.instance('payments#2')`, or the first of a service: `test.instance('payments')`.
   *
   * @throws HydraError `BAD_OPTION` naming those that there are
   */
  instance(name: string): TestInstance {
    const found = this.#started.find((one) => one.name === name || one.service === name);
    if (found) return found;
    const names = this.#started.map((one) => one.name).join(', ');
    throw new HydraError('BAD_OPTION', `no instance "${name}" in this test: there are ${names || 'none'}`);
  }

  /** A client of a service, closed with the test. */
  client(service: string, options: Omit<HydraClientOptions, 'service' | 'redis'> = {}): HydraClient {
    return new HydraClient({ ...options, service }, this.#caller);
  }

  /** The queues of all services: `test.queues.add('invoice.pdf', data, { service: 'billing' })`. */
  get queues(): QueueService {
    return this.#caller.queues;
  }

  /** The streams. */
  get streams(): StreamService {
    return this.#caller.streams;
  }

  /** Who is there, as a caller sees it. */
  get discovery(): DiscoveryService {
    return this.#caller.discovery;
  }

  /**
   * Answers calls and events of one pattern in the place of the handlers of a service, and its jobs and entries where the
   * test has that service. A service that the test does not have is started, as one instance.
   */
  async stub(service: string, pattern: string, answer: StubFunction): Promise<Stub> {
    const stub = this.#stubs.set(service, pattern, answer);
    if (!this.#started.some((one) => one.service === service.toLowerCase()))
      await this.#stubServices.serve(service, pattern);
    return stub;
  }

  /** What handlers and stubs have run: calls, events, jobs and entries, in order; of one pattern or all. */
  calls(pattern?: string): readonly HandledRecord[] {
    return this.#journal.handled.filter((record) => pattern === undefined || record.pattern === pattern);
  }

  /** The jobs that were added by instances of the test, in order; of one pattern or all. */
  jobs(pattern?: string): readonly JobRecord[] {
    return this.#journal.jobs.filter((record) => pattern === undefined || record.pattern === pattern);
  }

  /** The events that instances of the test have sent or published, in order; of one pattern or stream, or all. */
  events(pattern?: string): readonly EventRecord[] {
    return this.#journal.events.filter((record) => pattern === undefined || isEvent(record, pattern));
  }

  /** Forgets all calls, jobs and events until now: what comes is counted anew. */
  clear(): void {
    this.#journal.clear();
  }

  /**
   * Passes as soon as a job of that pattern was added whose data is like that.
   *
   * @param matcher members that the data must have, a matcher of the test runner, or a function @defaultValue any data
   * @returns the job
   * @throws AssertionError naming what was added instead
   */
  async expectJob(pattern: string, matcher?: Matcher, options: ExpectOptions = {}): Promise<JobRecord> {
    const isMeant = (job: JobRecord) => job.pattern === pattern;
    return this.#expect({ what: `job "${pattern}"`, records: this.#journal.jobs, isMeant, matcher }, options);
  }

  /** The same of an event: one that was emitted or broadcast, or an entry of that type or stream. */
  async expectEvent(pattern: string, matcher?: Matcher, options: ExpectOptions = {}): Promise<EventRecord> {
    const isMeant = (event: EventRecord) => isEvent(event, pattern);
    return this.#expect(
      { what: `event "${pattern}"`, records: this.#journal.events, isMeant, matcher },
      options,
    );
  }

  /** The same of what handlers and stubs were given. */
  async expectCall(pattern: string, matcher?: Matcher, options: ExpectOptions = {}): Promise<HandledRecord> {
    const isMeant = (record: HandledRecord) => record.pattern === pattern;
    return this.#expect(
      { what: `call "${pattern}"`, records: this.#journal.handled, isMeant, matcher },
      options,
    );
  }

  /**
   * Runs until the queues of all services of the test are dry: nothing waits, runs or is to be tried again. In memory time
   * is moved to what is due; on a real Redis it waits.
   *
   * @param limit of the time that passes @defaultValue 30 days in memory, 10 s on a real Redis
   * @throws HydraError `TIMEOUT` naming what is left
   */
  async runQueues(limit?: Duration): Promise<void> {
    const services = new Set(this.#started.map(({ service }) => service));
    const run = new QueueRun(this.queues, this.#journal, services);
    const clock = this.#redis instanceof MemoryRedis ? this.#redis.clock : undefined;
    await run.untilDry(clock, limit === undefined ? undefined : durationMs(limit));
  }

  /** Closes all applications, clients and stubs, and the MemoryRedis that it has made. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #caller(): HydraInstance {
    if (this.#own) return this.#own;
    this.#own = new HydraInstance(resolveOptions({ service: OWN_SERVICE, redis: this.#location().redis }));
    this.#journal.follow(this.#own.id);
    return this.#own;
  }

  async #start(given: HydraTestModule, override: OverrideModule | undefined): Promise<void> {
    const { redis, process } = this.#location();
    const { app, instance, name } = await startApplication(given, {
      redis,
      overrides: [override, given.override],
      observation: { journal: this.#journal, stubs: this.#stubs },
      nameOf: (service) => this.#nameOf(service),
    });
    const { id, options } = instance;
    this.#started.push(new TestInstance({ name, service: options.service, id, app, process }));
  }

  /** A process of its own in memory. */
  #location(): { redis: RedisLocation; process: MemoryProcess | undefined } {
    if (!(this.#redis instanceof MemoryRedis)) return { redis: this.#redis, process: undefined };
    const process = this.#redis.process();
    return { redis: process as RedisLocation, process };
  }

  #nameOf(service: string): string {
    const count = (this.#counts.get(service) ?? 0) + 1;
    this.#counts.set(service, count);
    return `${service}#${count}`;
  }

  #expect<R extends { readonly pattern: string; readonly data: unknown }>(
    expected: { what: string; records: readonly R[]; isMeant: (record: R) => boolean; matcher: Matcher },
    options: ExpectOptions,
  ): Promise<R> {
    refuseUnknown('an expectation of HydraTest', options, EXPECT_NAMES);
    const timeoutMs = integer('timeoutMs of an expectation', options.timeoutMs ?? EXPECT_TIMEOUT_MS, 0);
    return this.#journal.expect({ ...expected, timeoutMs });
  }

  async #close(): Promise<void> {
    const closing = this.#closeAll();
    if (this.#redis instanceof MemoryRedis) await moveAlong(this.#redis.clock, closing);
    await closing;
    if (this.#ownsRedis) await (this.#redis as MemoryRedis).close();
    this.#journal.close();
  }

  /** Whoever calls closes before whoever answers. */
  async #closeAll(): Promise<void> {
    const outcomes = [];
    for (const instance of this.#started.toReversed()) outcomes.push(...(await settled(instance.close())));
    outcomes.push(...(await settled(this.#stubServices.close())));
    outcomes.push(...(await settled(this.#own?.close())));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

function settled(closing: Promise<void> | undefined): Promise<PromiseSettledResult<void>[]> {
  return Promise.allSettled([closing as Promise<void>]);
}

/** A handler that hangs is waited for as long as the application allows, and that need not be real time. */
async function moveAlong(clock: VirtualClock, closing: Promise<void>): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  closing.then(end, end);
  const { signal } = over;
  await sleep(systemClock, CLOSE_GRACE_MS, { ref: true, signal });
  if (!signal.aborted) await clock.runUntil(() => signal.aborted).catch(() => undefined);
}

function isEvent({ pattern, stream }: EventRecord, wanted: string): boolean {
  return pattern === wanted || stream === wanted;
}
