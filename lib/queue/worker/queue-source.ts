import { Logger } from '@nestjs/common';

import type { BoundHandler, Dispatch, Source } from '../../delivery/source.js';
import { JOB_NAMES, refuseUnknown, resolveJobOptions, type ResolvedOptions } from '../../hydra-options.js';
import type { HealthFindings } from '../../runtime/health-contributors.js';
import type { HeldJob } from './held-job.js';
import { PatternSlots } from './pattern-slots.js';
import { QueueWorker } from './queue-worker.js';
import { RestingQueues } from '../waking/resting-queues.js';
import { Scheduler } from './scheduler.js';
import { StartGate } from './start-gate.js';
import { WorkerLink, type WorkerContext } from './worker-link.js';

/** Jobs: from the service's queues to Nest's handlers, one worker a queue. */
export class QueueSource implements Source {
  private readonly logger = new Logger('Hydra');
  private readonly options: ResolvedOptions;
  private workers: readonly QueueWorker[] = [];
  private resting: RestingQueues | undefined;
  /** By pattern. */
  private readonly queueOf = new Map<string, string>();

  constructor(
    private readonly context: WorkerContext,
    private readonly dispatch: Dispatch,
  ) {
    this.options = context.options;
  }

  check(): void {
    this.slotsByQueue(this.dispatch.handlers('job'));
  }

  async start(): Promise<void> {
    const handlers = this.dispatch.handlers('job');
    for (const pattern of Object.keys(this.options.queue.patterns))
      if (!handlers.has(pattern)) this.logger.warn(strangePattern(pattern, handlers));
    if (handlers.size === 0) return;
    const gate = new StartGate(this.context.clock);
    this.workers = [...this.slotsByQueue(handlers)].map(([queue, slots]) => {
      const link = new WorkerLink(this.context, queue);
      const scheduler = new Scheduler(this.context, link.keys);
      return new QueueWorker(this.context, link, { slots, gate, dispatch: this.dispatch }, scheduler);
    });
    await Promise.all(this.workers.map((worker) => worker.start()));
    this.resting = new RestingQueues(this.context, this.workers);
    this.resting.open();
  }

  async drain(deadlineAt: number): Promise<void> {
    this.resting?.close();
    await Promise.all(this.workers.map((worker) => worker.drain(deadlineAt)));
  }

  /** The queues that have a handler here. */
  get queues(): readonly string[] {
    return [...new Set(this.queueOf.values())];
  }

  /** The queue whose jobs have this pattern. */
  queueNamed(pattern: string): string {
    return this.queueOf.get(pattern) ?? '';
  }

  /** For the health record and for readiness. */
  get findings(): HealthFindings {
    const running = this.workers.reduce((sum, worker) => sum + worker.running, 0);
    const problem = together(this.workers.map((worker) => worker.problem()));
    const warning = together(this.workers.map((worker) => worker.warning()));
    return { activity: { running }, problem, warning };
  }

  private slotsByQueue(
    handlers: ReadonlyMap<string, BoundHandler>,
  ): Map<string, Map<string, PatternSlots<HeldJob>>> {
    const { queue } = this.options;
    const queues = new Map<string, Map<string, PatternSlots<HeldJob>>>();
    for (const [pattern, bound] of handlers) {
      refuseUnknown(`@QueuePattern("${pattern}")`, bound.options, JOB_NAMES);
      const decorated = resolveJobOptions(`@QueuePattern("${pattern}")`, queue.jobs, bound.options);
      const options = resolveJobOptions(
        `queue.patterns["${pattern}"]`,
        decorated,
        queue.patterns[pattern] ?? {},
      );
      this.queueOf.set(pattern, options.queue);
      const slots = queues.get(options.queue) ?? new Map<string, PatternSlots<HeldJob>>();
      queues.set(options.queue, slots.set(pattern, new PatternSlots<HeldJob>(bound, options)));
    }
    return queues;
  }
}

function together(lines: readonly (string | undefined)[]): string | undefined {
  const said = lines.filter((line) => line !== undefined);
  return said.length > 0 ? said.join('; ') : undefined;
}

/** Another instance of the service, with other handlers, may have been given the same options: no reason not to start. */
function strangePattern(pattern: string, handlers: ReadonlyMap<string, BoundHandler>): string {
  const known = [...handlers.keys()].join(', ') || 'none';
  return `queue.patterns["${pattern}"]: no handler has this pattern here; there are: ${known}`;
}
