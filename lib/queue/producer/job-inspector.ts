import { HydraError } from '../../hydra-error.js';
import { checkPage } from '../../hydra-options.js';
import type { RedisConnections } from '../../redis/redis-connections.js';
import { readDeadLetter, type DeadLetterText } from '../model/dead-letter.js';
import type { JobEvent } from '../model/job-event.js';
import {
  checkFind,
  isAll,
  resolveFilter,
  type FindOptions,
  type FoundJobs,
  type JobFilter,
} from './job-filter.js';
import { JobFinder } from './job-finder.js';
import { JobSearch, type Found } from './job-search.js';
import { KeptOutcomes } from '../watching/kept-outcomes.js';
import { readState, type JobFailure } from '../model/job-state.js';
import { readJob, readLatest } from '../model/job-text.js';
import {
  completedView,
  deadView,
  endedView,
  openView,
  outcomeView,
  type JobCounts,
  type JobRates,
  type JobStateName,
  type JobView,
  type Page,
} from './job-view.js';
import {
  countAll,
  countEnded,
  giveBack,
  pageActive,
  pageWaiting,
  removeOne,
  removeOutcome,
} from '../scripts/producer-scripts.js';
import { asideNames, rememberedIn, type QueueKeys } from '../model/queue-keys.js';
import { Redrive } from './redrive.js';

/** Jobs are counted that ended so lately. */
const LATELY_MS = 10_000;
/** With fewer outcomes than these, a queue that has just begun is not told from one that keeps a few. */
const MANY_ENDED = 100;
/** Jobs read by one command at most. */
const PAGE = 500;
const STATES: readonly unknown[] = [
  'waiting',
  'active',
  'delayed',
  'dead',
  'completed',
] satisfies JobStateName[];

/** @throws HydraError `BAD_OPTION` for a state that no job can be in */
export function checkState(state: unknown): void {
  if (STATES.includes(state)) return;
  throw new HydraError(
    'BAD_OPTION',
    `state must be one of ${STATES.join(', ')}, got ${JSON.stringify(state) ?? 'nothing'}`,
  );
}

/** What is stored of a job. */
export interface StoredJobText {
  readonly text: string;
  /** The last failed attempts, oldest first. */
  readonly history: readonly JobFailure[];
  /** What the handler last reported, as JSON. */
  readonly progress?: string;
}

/** Reads the jobs of a queue, and takes them out. */
export class JobInspector {
  readonly search: JobSearch;
  readonly dead: Redrive;
  readonly finder: JobFinder;
  private readonly outcomes: KeptOutcomes;

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    dedupMs: number,
  ) {
    this.search = new JobSearch(redis, keys);
    this.outcomes = new KeptOutcomes(redis, keys);
    this.finder = new JobFinder(redis, keys, this.search);
    this.dead = new Redrive(redis, keys, this.search, dedupMs);
  }

  async counts(): Promise<JobCounts> {
    const { inProgress, delayed, incomplete, finished, paused } = this.keys;
    const args = [...this.search.waitingKeys, inProgress, delayed, incomplete, finished, paused];
    const counted = await this.redis.run('count jobs', (redis) =>
      countAll.run(redis, [...args, ...asideNames(this.keys), this.keys.leases(''), this.keys.inbox('')]),
    );
    const [waits, active, later, dead, completed, isPaused, flat, workers, oldest] = counted;
    const unhandled = Object.fromEntries(pairs(flat));
    const states = { waiting: waits, active, delayed: later, dead, completed };
    const oldestWaitingAt = oldest === '' ? undefined : new Date(oldest);
    return { ...states, isPaused: isPaused === 1, workers, unhandled, oldestWaitingAt };
  }

  async rates(): Promise<JobRates> {
    const { finished, died } = this.keys;
    const [completed, overMs, failed, failedOverMs] = await this.redis.run('count ended jobs', (redis) =>
      countEnded.run(redis, [finished, died, LATELY_MS, MANY_ENDED]),
    );
    return { completedPerS: perSecond(completed, overMs), failedPerS: perSecond(failed, failedOverMs) };
  }

  async list(state: JobStateName, page: Page & JobFilter): Promise<JobView[]> {
    const { offset, limit } = checkPage(page);
    if (limit === 0) return [];
    if (!isAll(page)) return (await this.find(state, { ...page, limit: offset + limit })).jobs.slice(offset);
    if (state === 'completed') return this.completed(offset, limit);
    if (state === 'dead') return (await this.deadLetters(page)).map(deadView);
    if (state === 'delayed') return this.delayed(offset, limit);
    return this.views(state, await this.raws(state, offset, limit));
  }

  /** Those that pass a filter, and how many there are of each pattern. */
  async find(state: JobStateName, options: FindOptions): Promise<FoundJobs> {
    const found = await this.finder.find(state, resolveFilter(options), checkFind(options));
    const { texts, ...rest } = found;
    return { jobs: await this.viewed(state, texts), ...rest };
  }

  private async viewed(state: JobStateName, texts: readonly string[]): Promise<JobView[]> {
    if (state === 'completed') return texts.map(completedView).filter((view) => view !== undefined);
    if (state === 'dead') {
      const letters = texts.map(readDeadLetter).filter((letter) => letter !== undefined);
      return letters.map(deadView);
    }
    return this.views(state, texts);
  }

  /**
   * A job that moves on while it is looked for may be missed once: it has been where it is found the second time. One that is there
   * hides what an earlier one of its id came to.
   */
  async get(id: string): Promise<JobView | undefined> {
    return (await this.look(id)) ?? (await this.look(id)) ?? (await this.lastOf(id));
  }

  /** How it ended, at a constant cost; undefined while it has not. */
  async ended(id: string): Promise<JobView | undefined> {
    const { text, isOlder } = await this.outcomes.of(id);
    return isOlder ? undefined : outcomeView(text);
  }

  /** What is kept of how the last one of this id ended, also while another one is there. */
  async kept(id: string): Promise<JobView | undefined> {
    return outcomeView((await this.outcomes.of(id)).text);
  }

  /** Its text as it is stored, and its failed attempts; undefined where a look at a constant cost does not find it. */
  async stored(id: string): Promise<StoredJobText | undefined> {
    const { state, progress } = this.keys;
    const located = await this.search.locate(id);
    if (located) {
      const { raw: text } = located;
      const [known, reported] = await this.redis.run('look up a job', (redis) =>
        Promise.all([redis.hget(state, text), redis.hget(progress, id)]),
      );
      const history = readState(known).history ?? [];
      return { text, history, ...(reported !== null && { progress: reported }) };
    }
    const letter = await this.search.locateDead(id);
    if (letter) return { text: letter.raw, history: readDeadLetter(letter.raw)?.history ?? [] };
    const { text } = await this.outcomes.of(id);
    return text === null ? undefined : { text, history: [] };
  }

  /** The last progress of each, as JSON; null without one. */
  async progressTexts(ids: readonly string[]): Promise<(string | null)[]> {
    if (ids.length === 0) return [];
    return this.redis.run('read progress', (redis) => redis.hmget(this.keys.progress, ...ids));
  }

  private async look(id: string): Promise<JobView | undefined> {
    const { text, isOlder } = await this.outcomes.of(id);
    const ended = isOlder ? undefined : endedView(text);
    if (ended) return ended;
    return (await this.near(id, isOlder)) ?? (await this.searched(id, isOlder));
  }

  /** A Hydra 1.x worker ended the one that had the id: nobody was told. */
  private async lastOf(id: string): Promise<JobView | undefined> {
    const { text, isOlder } = await this.outcomes.of(id);
    return isOlder ? (endedView(text) ?? this.findDead(id)) : undefined;
  }

  /** At a cost that does not follow the length of the queue, where this library added it. */
  private async near(id: string, isThere: boolean): Promise<JobView | undefined> {
    const located = await this.search.locate(id);
    if (located?.state === 'delayed') return this.delayedView(located.raw);
    if (located) return (await this.views(located.state, [located.raw]))[0];
    const letter = isThere ? undefined : await this.search.locateDead(id);
    const dead = letter && readDeadLetter(letter.raw);
    return dead && deadView(dead);
  }

  /** In bounded steps, from place to place. */
  private async searched(id: string, isThere: boolean): Promise<JobView | undefined> {
    const { waiting, active } = await this.search.places();
    for (const [state, places] of [
      ['waiting', waiting],
      ['active', active],
    ] as const) {
      for (const place of places) {
        const found = await this.search.find(place, id);
        if (found) return (await this.views(state, [found.raw]))[0];
      }
    }
    return (await this.findDelayed(id)) ?? (isThere ? undefined : this.findDead(id));
  }

  /** Oldest first. */
  async deadLetters(page: Page): Promise<DeadLetterText[]> {
    const { offset, limit } = checkPage(page);
    if (limit === 0) return [];
    const raws = await this.inPages(offset, limit, (from, count) =>
      this.redis.run('list dead letters', (redis) =>
        redis.lrange(this.keys.incomplete, from, from + count - 1),
      ),
    );
    return raws.map(readDeadLetter).filter((dead) => dead !== undefined);
  }

  /**
   * Takes a job out that nobody runs; false when there is none with this id, or it runs.
   *
   * @param state only where it is in this state
   */
  async remove(id: string, state?: JobStateName): Promise<boolean> {
    const { incomplete, delayed } = this.keys;
    const { waiting } = await this.search.places();
    // A dead letter last: a job that waits may have the id of an older one that failed.
    const byState = { waiting, active: [], delayed: [delayed], dead: [incomplete], completed: [] };
    const places = state ? byState[state] : [...waiting, delayed, incomplete];
    if (await this.search.actOn(id, places, (place, found) => this.removeFrom(place, found))) return true;
    if (state !== undefined && state !== 'completed') return false;
    return (await this.removeOutcome(id)) === 1;
  }

  /** Takes out what was found, and not what has its id by now: 1; 0 where it is gone; -1 where it has to be looked for again. */
  removeFound(state: JobStateName, place: string, id: string, found: Found): Promise<number> {
    return state === 'completed' ? this.removeOutcome(id, found.raw) : this.removeFrom(place, found);
  }

  private removeOutcome(id: string, text = ''): Promise<number> {
    const args = [...rememberedIn(this.keys, id), id, text];
    return this.redis.run('remove a job', (redis) => removeOutcome.run(redis, args));
  }

  /** Takes a job from a Hydra 1.x worker that is dead, which nobody else can know; false when none has it. */
  async giveBack(id: string): Promise<boolean> {
    const { inProgress, waiting } = this.keys;
    return this.search.act(inProgress, id, ({ raw, index, length }) =>
      this.redis.run('release a job', (redis) =>
        giveBack.run(redis, [inProgress, waiting, raw, index, length]),
      ),
    );
  }

  private removeFrom(place: string, { raw, index, length }: Found): Promise<number> {
    const { state, watched, history, events, incomplete } = this.keys;
    const { id, pattern } = readJob(raw) ?? { id: '', pattern: '' };
    const event: JobEvent = { type: 'removed', id, pattern };
    const keys = [...rememberedIn(this.keys, id), place, state, watched, history];
    const isDead = place === incomplete ? '1' : '';
    const args = [...keys, raw, events, JSON.stringify(event), index, length, id, isDead];
    return this.redis.run('remove a job', (redis) => removeOne.run(redis, args));
  }

  private raws(state: 'waiting' | 'active', offset: number, limit: number): Promise<string[]> {
    const { owners, inProgress } = this.keys;
    const leases = this.keys.leases('');
    const prefixes = [...asideNames(this.keys), leases, this.keys.inbox('')];
    return this.inPages(offset, limit, (from, count) =>
      this.redis.run('list jobs', (redis) =>
        state === 'active'
          ? pageActive.run(redis, [inProgress, owners, leases, from, count])
          : pageWaiting.run(redis, [...this.search.waitingKeys, ...prefixes, from, count]),
      ),
    );
  }

  /** A large page is read in parts: Redis does nothing else while it reads one. */
  private async inPages<Element>(
    offset: number,
    limit: number,
    read: (from: number, count: number) => Promise<Element[]>,
  ): Promise<Element[]> {
    const all: Element[] = [];
    while (all.length < limit) {
      const count = Math.min(PAGE, limit - all.length);
      const part = await read(offset + all.length, count);
      all.push(...part);
      if (part.length < count) break;
    }
    return all;
  }

  private async delayed(offset: number, limit: number): Promise<JobView[]> {
    const entries = await this.inPages(offset, limit, async (from, count) =>
      pairs(
        await this.redis.run('list jobs', (redis) =>
          redis.zrange(this.keys.delayed, `${from}`, `${from + count - 1}`, 'WITHSCORES'),
        ),
      ),
    );
    const views = await this.views(
      'delayed',
      entries.map(([raw]) => raw),
    );
    return views.map((view, index) => ({ ...view, dueAt: new Date(entries[index]![1]) }));
  }

  private async completed(offset: number, limit: number): Promise<JobView[]> {
    const { finished, results } = this.keys;
    const texts = await this.inPages(offset, limit, (from, count) =>
      this.redis.run('list jobs', async (redis) => {
        const ids = await redis.zrevrange(finished, from, from + count - 1);
        return ids.length > 0 ? redis.hmget(results, ...ids) : [];
      }),
    );
    return texts.map((text) => completedView(text)).filter((view) => view !== undefined);
  }

  private async views(state: JobStateName, raws: readonly string[]): Promise<JobView[]> {
    const views: JobView[] = [];
    for (let from = 0; from < raws.length; from += PAGE) {
      views.push(...(await this.viewsOf(state, raws.slice(from, from + PAGE))));
    }
    return views;
  }

  private async viewsOf(state: JobStateName, raws: readonly string[]): Promise<JobView[]> {
    const ids = raws.map((raw) => readJob(raw)?.id ?? '');
    const [states, progress, latest] = await this.redis.run('list jobs', (redis) =>
      Promise.all([
        redis.hmget(this.keys.state, ...raws),
        redis.hmget(this.keys.progress, ...ids),
        redis.hmget(this.keys.latest, ...ids),
      ]),
    );
    return raws.map((raw, index) => {
      // What took its place while it ran comes after it.
      const next = state === 'active' ? undefined : latest[index]?.replace(/^\d+ /, '');
      const job = readLatest(raw, next ?? readState(states[index]).text);
      return openView(state, job, states[index], progress[index]);
    });
  }

  private async findDead(id: string): Promise<JobView | undefined> {
    const found = await this.search.find(this.keys.incomplete, id);
    const dead = found && readDeadLetter(found.raw);
    return dead && deadView(dead);
  }

  private async findDelayed(id: string): Promise<JobView | undefined> {
    const found = await this.search.find(this.keys.delayed, id);
    return found && this.delayedView(found.raw);
  }

  private async delayedView(raw: string): Promise<JobView | undefined> {
    const [view] = await this.views('delayed', [raw]);
    const score = await this.redis.run('look up a job', (redis) => redis.zscore(this.keys.delayed, raw));
    return view && { ...view, ...(score !== null && { dueAt: new Date(Number(score)) }) };
  }
}

/** RESP3 gives pairs, RESP2 a flat list. */
function pairs(entries: readonly unknown[]): [text: string, count: number][] {
  const flat = entries.flat() as (string | number)[];
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    String(flat[index * 2]),
    Number(flat[index * 2 + 1]),
  ]);
}

function perSecond(count: number, overMs: number): number {
  return Math.round((count * 100_000) / overMs) / 100;
}
