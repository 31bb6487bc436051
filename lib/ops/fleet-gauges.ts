import type { HydraInstance } from '../hydra-instance.js';
import type { JobCounts } from '../queue/producer/job-view.js';
import { holdLease, releaseLease, type Lease } from '../registry/lease.js';
import type { GroupInfo } from '../streams/stored/stream-info.js';
import type { Timer } from '../runtime/clock.js';

/** How often they are read while somebody reads the metrics. */
const SAMPLE_EVERY_MS = 5_000;
/** Nobody has read the metrics for so long: nothing is read for them. */
const UNREAD_AFTER_MS = 180_000;
/** The one that reports has the right to for so long; the others say nothing meanwhile. */
const LEASE_MS = 15_000;
/** What is older than this when the metrics are read is read anew first. */
const FRESH_MS = 1_000;
const SECOND_MS = 1_000;
const STATES = ['waiting', 'active', 'delayed', 'dead', 'completed'] as const;

type Labels = Readonly<Record<string, string>>;
type Values = readonly (readonly [labels: Labels, value: number])[];

interface Sample {
  readonly jobs: Values;
  readonly oldest: Values;
  readonly paused: Values;
  readonly lag: Values;
  readonly pending: Values;
  readonly consumers: Values;
  readonly dead: Values;
  readonly instances: Values;
}

const NOTHING: Sample = {
  jobs: [],
  oldest: [],
  paused: [],
  lag: [],
  pending: [],
  consumers: [],
  dead: [],
  instances: [],
};

/** The gauges, by what of a sample they tell. */
const GAUGES: Readonly<Record<keyof Sample, readonly [name: string, help: string]>> = {
  jobs: ['hydra_queue_jobs', 'Jobs of the service by their state.'],
  oldest: ['hydra_queue_oldest_waiting_seconds', 'Age of the job that is taken next.'],
  paused: ['hydra_queue_paused', 'Whether the queue is paused: 1 or 0.'],
  lag: ['hydra_stream_lag', 'Entries not delivered to the group yet.'],
  pending: ['hydra_stream_pending', 'Entries delivered, not acknowledged.'],
  consumers: ['hydra_stream_consumers', 'Consumers of the group.'],
  dead: ['hydra_stream_dead_letters', 'Dead letters of the group.'],
  instances: ['hydra_service_instances', 'Live instances of the service.'],
};

/**
 * What is true of a whole service, read from Redis: how deep its queues are, how far its groups have come. Each queue and each
 * group is reported by one of the instances that serve it, whichever has its lease, so that the sum over all instances is
 * right: the processes of a service may serve different queues and groups.
 *
 * It is read only while somebody reads the metrics of this instance, in the background: reading the metrics waits for nothing.
 */
export class FleetGauges {
  private sample = NOTHING;
  private sampledAt = -Infinity;
  private readAt = -Infinity;
  private sampling: Promise<void> | undefined;
  private timer: Timer | undefined;
  private readonly held = new Map<string, Lease>();

  constructor(private readonly instance: HydraInstance) {
    const { metrics } = instance;
    if (!metrics) return;
    for (const [part, [name, help]] of Object.entries(GAUGES))
      metrics.gauge(name, `${help} Reported by one instance.`, () => this.values(part as keyof Sample));
  }

  private values(part: keyof Sample): Values {
    if (part !== 'instances' || this.sample.instances.length === 0) return this.sample[part];
    // Known from memory at any time: it need not be as old as the rest.
    const { discovery, options } = this.instance;
    return [[{}, discovery.instances(options.service).length]];
  }

  /** Somebody reads the metrics. */
  wake(): void {
    const { clock, metrics } = this.instance;
    if (!metrics) return;
    this.readAt = clock.monotonic();
    if (!this.timer) this.again(0);
  }

  /** Reads what is not fresh; resolves soon in any case. */
  async refresh(withinMs: number): Promise<void> {
    const { clock, metrics } = this.instance;
    if (!metrics) return;
    this.wake();
    if (clock.monotonic() - this.sampledAt <= FRESH_MS) return;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, withinMs)));
    await Promise.race([this.read(), late]);
    clock.clear(timer);
  }

  /** Lets another instance report at once. Never rejects. */
  async close(): Promise<void> {
    const { clock, redis } = this.instance;
    clock.clear(this.timer);
    this.readAt = -Infinity;
    this.sample = NOTHING;
    const held = [...this.held.values()];
    this.held.clear();
    if (!redis.isReady) return;
    const released = held.map((lease) =>
      redis.run('lease of the metrics', (client) => releaseLease(client, lease)),
    );
    await Promise.allSettled(released);
  }

  private again(afterMs: number): void {
    const { clock } = this.instance;
    this.timer = clock.setTimeout(() => {
      this.timer = undefined;
      if (clock.monotonic() - this.readAt > UNREAD_AFTER_MS) {
        this.sample = NOTHING;
        return;
      }
      void this.read().then(() => this.again(SAMPLE_EVERY_MS));
    }, afterMs);
  }

  /** Never rejects: what cannot be read is not reported. */
  private read(): Promise<void> {
    this.sampling ??= this.readOnce()
      .then(
        (sample) => (this.sample = sample),
        () => (this.sample = NOTHING),
      )
      .then(() => {
        this.sampledAt = this.instance.clock.monotonic();
        this.sampling = undefined;
      });
    return this.sampling;
  }

  private async readOnce(): Promise<Sample> {
    const { redis, options, served, discovery } = this.instance;
    if (!redis.isReady) return NOTHING;
    const [isReporter, ownQueues, ownGroups] = await Promise.all([
      this.holds('instances'),
      this.reported(served?.queues.queues ?? [], (queue) => `queue:${queue}`),
      this.reported(served?.streams.groups ?? [], ({ stream, group }) => `group:${stream}:${group}`),
    ]);
    const queues = await Promise.all(ownQueues.map((queue) => this.readQueue(queue)));
    const groups = await Promise.all(ownGroups.map((group) => this.readGroup(group)));
    const of = (select: (group: GroupInfo) => number | undefined) =>
      groups.flatMap(({ stream, info }) => {
        const value = info && select(info);
        return value === undefined ? [] : [[{ stream, group: info!.name }, value] as const];
      });
    return {
      jobs: queues.flatMap(({ queue, counts }) =>
        STATES.map((state) => [{ queue, state }, counts[state]] as const),
      ),
      oldest: queues.map(({ queue, oldestMs }) => [{ queue }, oldestMs / SECOND_MS] as const),
      paused: queues.map(({ queue, counts }) => [{ queue }, Number(counts.isPaused)] as const),
      lag: of(({ lag }) => lag),
      pending: of(({ pending }) => pending),
      consumers: of(({ consumers }) => consumers),
      dead: of(({ deadLetters }) => deadLetters),
      instances: isReporter ? [[{}, discovery.instances(options.service).length]] : [],
    };
  }

  private async readQueue(queue: string): Promise<{ queue: string; counts: JobCounts; oldestMs: number }> {
    const { queues, clock } = this.instance;
    const [counts, [next]] = await Promise.all([
      queues.counts({ queue }),
      queues.list('waiting', { queue, limit: 1 }),
    ]);
    const addedAt = next?.enqueuedAt?.getTime();
    return { queue, counts, oldestMs: addedAt === undefined ? 0 : Math.max(0, clock.now() - addedAt) };
  }

  private async readGroup({ stream, group }: { readonly stream: string; readonly group: string }) {
    const { groups } = await this.instance.streams.info(stream);
    return { stream, info: groups.find(({ name }) => name === group) };
  }

  /** Those that this instance reports. */
  private async reported<T>(served: readonly T[], nameOf: (one: T) => string): Promise<readonly T[]> {
    const isHeld = await Promise.all(served.map((one) => this.holds(nameOf(one))));
    return served.filter((_, index) => isHeld[index]);
  }

  private async holds(what: string): Promise<boolean> {
    const { redis, keys, options, id } = this.instance;
    const lease = { key: keys.metricsLease(options.service, what), holder: id };
    const othersMs = await redis.run('lease of the metrics', (client) => holdLease(client, lease, LEASE_MS));
    const isHeld = othersMs === 0;
    if (isHeld) this.held.set(what, lease);
    else this.held.delete(what);
    return isHeld;
  }
}
