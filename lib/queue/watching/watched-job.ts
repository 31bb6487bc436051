import { isDeepStrictEqual } from 'node:util';
import type { Subscriber } from 'rxjs';

import { isEndOf, type JobEvent } from '../model/job-event.js';
import { isUnavailable } from './job-waiters.js';
import { viewOfCompleted, type JobView } from '../producer/job-view.js';

/** How a job is looked at. */
export interface JobLooks {
  /** Wherever it is: what that costs follows the length of the queue. */
  find(): Promise<JobView | undefined>;
  /** How it ended, at a constant cost; undefined while it has not. */
  end(): Promise<JobView | undefined>;
  /** The same of the last one that ended, also where another job of the id is there by now. */
  kept(): Promise<JobView | undefined>;
}

/** How often events that came while it was looked for have it looked for again. */
const MAX_LOOKS = 3;

/** One job, as it is told to somebody who watches it: found once, then followed by its events until it ends. */
export class WatchedJob {
  private view: JobView | undefined;
  private heard: JobEvent[] = [];
  private isLooking = false;
  /** It has to be looked for: at the beginning, and where events may have been lost. */
  private isDue = true;

  constructor(
    private readonly looks: JobLooks,
    private readonly subscriber: Subscriber<JobView>,
  ) {}

  hear(event: JobEvent): void {
    if (this.isLooking || this.isDue) this.heard.push(event);
    else this.follow(event);
  }

  /** Something may have happened that was not heard. Never rejects. */
  async lookAnew(): Promise<void> {
    this.isDue = true;
    await this.look();
  }

  /** Called now and then. Never rejects. */
  async check(): Promise<void> {
    if (this.isDue) return this.look();
    try {
      const end = await this.looks.end();
      if (end) this.finish(end);
    } catch (error) {
      this.fail(error);
    }
  }

  private async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      let view: JobView | undefined;
      for (let looks = 0; looks === 0 || (looks < MAX_LOOKS && this.heard.length > 0); looks++) {
        this.heard = [];
        view = await this.looks.find();
      }
      this.isDue = false;
      if (!view || isOver(view)) this.finish(view);
      else this.show(view);
    } catch (error) {
      this.fail(error);
    } finally {
      this.isLooking = false;
    }
    if (this.isDue) return;
    for (const event of this.heard.splice(0)) this.follow(event);
  }

  private follow(event: JobEvent): void {
    const { view } = this;
    if (!view || this.subscriber.closed || !isEndOf(event, view.enqueuedAt?.toISOString())) return;
    if (event.type === 'removed') this.finish(undefined);
    else if (('isLarge' in event && event.isLarge) || ENDS.has(event.type)) void this.lookForEnd(event);
    else this.show(after(view, event));
  }

  /** What is kept of it says more than the event. */
  private async lookForEnd(event: JobEvent): Promise<void> {
    const end = await this.looks.kept().catch(() => undefined);
    if (end && isSame(end, event)) this.finish(end);
    else if (this.view && event.type !== 'progress') this.finish(after(this.view, event));
    else void this.lookAnew();
  }

  private show(view: JobView): void {
    const isNew = !isDeepStrictEqual(view, this.view);
    this.view = view;
    if (isNew) this.subscriber.next(view);
  }

  /** What was known of it stays known: of its end only the outcome is kept. */
  private finish(end: JobView | undefined): void {
    const known = end && isOther(end, this.view) ? undefined : this.view;
    if (end) this.show({ ...known, ...withoutGaps(end) } as JobView);
    this.subscriber.complete();
  }

  /** While Redis is away nothing is known: the next check looks again. */
  private fail(error: unknown): void {
    if (isUnavailable(error)) this.isDue = true;
    else this.subscriber.error(error);
  }
}

const ENDS: ReadonlySet<string> = new Set(['completed', 'dead', 'cancelled'] satisfies JobEvent['type'][]);

function isOver({ state }: JobView): boolean {
  return state === 'completed' || state === 'dead' || state === 'cancelled';
}

/** Another job of the id may have ended since then. */
function isSame({ state, finishedAt }: JobView, event: JobEvent): boolean {
  if (state !== event.type) return false;
  return !('finishedAt' in event) || finishedAt?.getTime() === event.finishedAt.getTime();
}

/** A job that followed it, while nobody here heard of its end. */
function isOther(end: JobView, view: JobView | undefined): boolean {
  if (!end.enqueuedAt || !view?.enqueuedAt) return false;
  return end.enqueuedAt.getTime() !== view.enqueuedAt.getTime();
}

function withoutGaps(view: JobView): Partial<JobView> {
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== undefined));
}

/** The job after that has happened to it. */
function after(view: JobView, event: JobEvent): JobView {
  const { dueAt: _due, ...rest } = view;
  switch (event.type) {
    case 'started':
      return { ...rest, state: 'active', attempts: (view.attempts ?? 0) + (view.state === 'active' ? 0 : 1) };
    case 'progress':
      return { ...view, progress: event.value };
    case 'failed':
      return { ...rest, state: 'delayed', attempts: event.attempt, error: event.error };
    case 'stalled':
      return { ...rest, state: 'waiting', error: event.error };
    case 'dead':
      return { ...rest, state: 'dead', attempts: event.attempt, error: event.error };
    case 'completed':
      return { ...rest, ...viewOfCompleted(event) };
    case 'cancelled':
      return { ...rest, state: 'cancelled', error: event.reason, finishedAt: event.finishedAt };
    case 'added':
    case 'drained':
    case 'removed':
      return view;
  }
  return view;
}
