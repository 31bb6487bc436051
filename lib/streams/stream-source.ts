import type { BoundHandler, Dispatch, Source } from '../delivery/source.js';
import { HydraError } from '../hydra-error.js';
import type { Context } from '../redis/context.js';
import type { HealthFindings } from '../runtime/health-contributors.js';
import { ConsumerGroup } from './group/consumer-group.js';
import { resolveHandler, type EntryHandler } from './entries/entry-handler.js';
import { GroupWorker } from './group/group-worker.js';

/** A group of a stream. */
export interface StreamGroup {
  readonly stream: string;
  readonly group: string;
}

/** The source of entries: one worker for each group of each stream that has a handler. */
export class StreamSource implements Source {
  private workers: readonly GroupWorker[] = [];
  private read: readonly StreamGroup[] = [];

  constructor(
    private readonly context: Pick<
      Context,
      'id' | 'redis' | 'keys' | 'options' | 'clock' | 'random' | 'metrics'
    >,
    private readonly dispatch: Dispatch,
  ) {}

  /** The groups that have a handler here. */
  get groups(): readonly StreamGroup[] {
    return this.read;
  }

  /** Its part of the health record and of readiness. */
  get findings(): HealthFindings {
    if (this.workers.length === 0) return {};
    const inFlight = this.workers.reduce((sum, worker) => sum + worker.size, 0);
    const lostToTrim = this.workers.reduce((sum, worker) => sum + worker.lostToTrim, 0);
    return {
      activity: { inFlight, ...(lostToTrim > 0 && { lostToTrim }) },
      problem: this.workers.find(({ problem }) => problem)?.problem,
    };
  }

  /** @throws HydraError `BAD_OPTION` */
  async start(): Promise<void> {
    const bound = [...this.dispatch.handlers('entry').values(), ...this.durableEvents()];
    const groups = new Map<string, [EntryHandler, ...EntryHandler[]]>();
    for (const handler of bound.map((one) => resolveHandler(one, this.context.options))) {
      const name = JSON.stringify([handler.stream, handler.group]);
      const others = groups.get(name);
      groups.set(name, others ? [...others, handler] : [handler]);
    }
    this.read = [...groups.values()].map(([{ stream, group }]) => ({ stream, group }));
    this.workers = [...groups.values()].map((handlers) => this.workerOf(handlers));
    await Promise.all(this.workers.map((worker) => worker.start()));
  }

  async drain(deadlineAt: number): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.drain(deadlineAt)));
  }

  /** Handlers of events that get events from streams, as durable events. */
  private durableEvents(): BoundHandler[] {
    const events = [...this.dispatch.handlers('call').values()].filter(({ isEvent }) => isEvent);
    return this.context.options.streams.events.flatMap(({ stream, ...options }) =>
      events.map((event) => ({ ...event, pattern: stream, options: { ...options, type: event.pattern } })),
    );
  }

  private workerOf(handlers: readonly EntryHandler[]): GroupWorker {
    const [{ stream, group }] = handlers as readonly [EntryHandler];
    const what = `stream "${stream}" in group "${group}"`;
    refuseTwins(what, handlers);
    const { id, options } = this.context;
    const consumerGroup = new ConsumerGroup(this.context, {
      stream,
      group,
      from: startOf(what, handlers),
      consumer: id,
      isOrdered: handlers.some(({ keyOf }) => keyOf !== undefined),
      ttlMs: options.presence.ttlMs,
      claimIdleMs: options.streams.claimIdleMs,
      deadLetters: options.streams.deadLetters,
    });
    return new GroupWorker(this.context, { group: consumerGroup, handlers, dispatch: this.dispatch });
  }
}

/** With two handlers of one type, it would be unclear which one gets an entry. */
function refuseTwins(what: string, handlers: readonly EntryHandler[]): void {
  for (const [index, { type }] of handlers.entries()) {
    if (handlers.findIndex((other) => other.type === type) === index) continue;
    const types = type === undefined ? 'all types' : `type "${type}"`;
    throw new HydraError('BAD_OPTION', `${what} has two handlers of ${types}`);
  }
}

/** A group has one beginning. Any of its handlers may set it. */
function startOf(what: string, handlers: readonly EntryHandler[]): string {
  const [first = '$', ...others] = new Set(handlers.flatMap(({ from }) => from ?? []));
  if (others.length === 0) return first;
  throw new HydraError('BAD_OPTION', `${what} has handlers with different values of "from"`);
}
