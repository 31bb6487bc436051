import { HydraError } from '../../hydra-error.js';
import { checkQueueName, serviceName } from '../../hydra-options.js';
import type { Context } from '../../redis/context.js';
import type { Timer } from '../../runtime/clock.js';
import { createQueueKeys, type QueueKeys } from '../model/queue-keys.js';
import { RedisClock } from '../model/redis-clock.js';
import { FORGET_EVERY_MS, Retention } from '../model/retention.js';
import { isUnavailable } from '../watching/job-waiters.js';
import { JobWatch } from '../watching/job-watch.js';
import { Cancellation } from './cancellation.js';
import { JobChanges } from './job-changes.js';
import { JobInspector } from './job-inspector.js';
import { Purge } from './purge.js';
import { Schedules } from './schedules.js';
import { UnreadQueue } from './unread-queue.js';

/** The regular look for what is too old in one queue. */
interface Upkeep {
  timer: Timer | undefined;
  isOver: boolean;
}

/** More queues than these are looked after more rarely, each. */
const QUEUES_AT_ONCE = 8;

/** One queue, and what can be done with it. */
export interface OpenQueue {
  readonly service: string;
  readonly keys: QueueKeys;
  readonly inspector: JobInspector;
  readonly cancellation: Cancellation;
  readonly changes: JobChanges;
  readonly watch: JobWatch;
  readonly schedules: Schedules;
  readonly purge: Purge;
  readonly upkeep: Upkeep | undefined;
  readonly unread: UnreadQueue;
}

/** What queues use of their instance. */
export type QueueContext = Pick<
  Context,
  'id' | 'address' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'log' | 'health'
>;

/** The queues that this process adds to or looks at. */
export class OpenQueues {
  private readonly queues = new Map<string, OpenQueue>();

  constructor(private readonly context: QueueContext) {}

  /** @throws HydraError `BAD_OPTION` */
  of(service: string, queue: string): OpenQueue {
    return this.queues.get(`${service}:${queue}`) ?? this.open(service, queue);
  }

  /** Those to which this process adds and that nobody reads; undefined where there are none. */
  get unread(): string | undefined {
    const warnings = [...this.queues.values()].map(({ unread }) => unread.warning);
    return warnings.filter((warning) => warning !== undefined).join('; ') || undefined;
  }

  close(): void {
    for (const { watch, schedules, upkeep, unread } of this.queues.values()) {
      unread.close();
      if (upkeep) upkeep.isOver = true;
      this.context.clock.clear(upkeep?.timer);
      watch.close();
      schedules.close();
    }
  }

  /** No worker may be left to forget what is too old. What other services keep is theirs. */
  private lookAfter(keys: QueueKeys): Upkeep {
    const { clock, random } = this.context;
    const retention = new Retention(this.context, keys, new RedisClock(clock));
    const upkeep: Upkeep = { timer: undefined, isOver: false };
    const run = async () => {
      upkeep.isOver ||= await this.forget(retention, keys);
      if (!upkeep.isOver) later();
    };
    const later = () => {
      // What is kept does not become too much sooner because it is spread over many queues.
      const share = Math.max(1, this.queues.size / QUEUES_AT_ONCE);
      const ms = FORGET_EVERY_MS * (1 + random.float() / 5) * share;
      upkeep.timer = clock.setTimeout(() => void run(), ms, { isUpkeep: true });
    };
    later();
    return upkeep;
  }

  /** True where that is over: who uses a queue after close() begins to look after it, and nobody would end that. */
  private async forget(retention: Retention, keys: QueueKeys): Promise<boolean> {
    try {
      await retention.run();
    } catch (error) {
      if (error instanceof HydraError && error.code === 'CLOSED') return true;
      if (!isUnavailable(error))
        this.context.log.warn(`retention ${keys.waiting}`, `forgetting what is too old: ${String(error)}`);
    }
    return false;
  }

  private open(givenService: string, queue: string): OpenQueue {
    const service = serviceName(givenService);
    const keys = createQueueKeys(this.context.keys, service, checkQueueName('queue', queue));
    const inspector = new JobInspector(this.context.redis, keys, this.context.options.queue.dedupMs);
    const watch = new JobWatch(this.context, keys, inspector.search);
    const schedules = new Schedules(this.context, keys, service);
    const upkeep = service === this.context.options.service ? this.lookAfter(keys) : undefined;
    const name = `the queue "${queue}" of ${service}`;
    const unread = new UnreadQueue(this.context, keys, name);
    const changes = new JobChanges(this.context, keys, inspector.search, service);
    const cancellation = new Cancellation(this.context, keys, inspector.search);
    const purge = new Purge(this.context.redis, keys, inspector);
    const opened = {
      ...{ service, keys, inspector, cancellation, changes, watch, schedules, purge, upkeep, unread },
    };
    this.queues.set(`${givenService}:${queue}`, opened);
    return opened;
  }
}
