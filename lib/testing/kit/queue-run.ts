import { HydraError } from '../../hydra-error.js';
import type { JobCounts } from '../../queue/producer/job-view.js';
import type { QueueService } from '../../queue/producer/queue-service.js';
import { systemClock } from '../../runtime/clock.js';
import { sleep } from '../../runtime/waiting.js';
import type { VirtualClock } from '../virtual-clock.js';
import type { Journal } from './journal.js';

const LOOK_EVERY_MS = 20;
const REAL_LIMIT_MS = 10_000;

interface QueuePlace {
  readonly service: string;
  readonly queue: string;
}

/** Runs the queues of some services until they are dry. */
export class QueueRun {
  private left = '';

  constructor(
    private readonly queues: QueueService,
    private readonly journal: Journal,
    private readonly services: ReadonlySet<string>,
  ) {}

  /** @throws HydraError `TIMEOUT` naming what is left */
  async untilDry(clock: VirtualClock | undefined, limitMs: number | undefined): Promise<void> {
    try {
      if (clock) await clock.runUntil(() => this.isDry(), limitMs);
      else await this.waitUntilDry(limitMs ?? REAL_LIMIT_MS);
    } catch (error) {
      if (!(error instanceof HydraError) || error.code !== 'TIMEOUT') throw error;
      throw new HydraError('TIMEOUT', `the queues are not dry: ${this.left}`, { cause: error });
    }
  }

  private async waitUntilDry(limitMs: number): Promise<void> {
    const end = systemClock.monotonic() + limitMs;
    while (!(await this.isDry())) {
      if (systemClock.monotonic() > end) throw new HydraError('TIMEOUT', `not within ${limitMs} ms`);
      await sleep(systemClock, LOOK_EVERY_MS, { ref: true });
    }
  }

  private async isDry(): Promise<boolean> {
    const wet: string[] = [];
    for (const place of this.places()) {
      const counts = await this.queues.counts(place);
      if (isWet(counts)) wet.push(describe(place, counts));
    }
    this.left = wet.join('; ');
    return wet.length === 0;
  }

  /** Queues that got a job in this test, of services that run here. */
  private places(): QueuePlace[] {
    const places = new Map<string, QueuePlace>();
    for (const { service, queue } of this.journal.jobs)
      if (this.services.has(service)) places.set(`${service} ${queue}`, { service, queue });
    return [...places.values()];
  }
}

/** Where no worker has a handler, or the queue is paused, waiting for more is in vain. */
function isWet({ waiting, active, delayed, unhandled }: JobCounts): boolean {
  const unhandledCount = Object.values(unhandled).reduce((sum, count) => sum + count, 0);
  return waiting - unhandledCount + active + delayed > 0;
}

function describe({ service, queue }: QueuePlace, { waiting, active, delayed }: JobCounts): string {
  return `${queue} of ${service} has ${waiting} waiting, ${active} running, ${delayed} delayed`;
}
