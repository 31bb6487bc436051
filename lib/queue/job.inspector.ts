import { checkPage } from '../hydra.options.js';
import type { RedisConnections } from '../redis/redis.connections.js';
import { readDeadLetter, type DeadLetterText } from './dead.letter.js';
import type { JobEvent } from './job.event.js';
import { JobSearch, STRIDE } from './job.search.js';
import { readJob } from './job.text.js';
import {
  completedView,
  deadView,
  openView,
  type JobCounts,
  type JobStateName,
  type JobView,
  type Page,
} from './job.view.js';
import { countAll, pageWaiting, redriveAll, removeOne } from './producer.scripts.js';
import type { QueueKeys } from './queue.keys.js';

const PAGE = 100;

/** Reads the jobs of a queue, and moves dead ones. */
export class JobInspector {
  readonly search: JobSearch;
  private readonly asideNames: readonly [before: string, after: string];

  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
  ) {
    this.asideNames = keys.aside('\0').split('\0') as [string, string];
    this.search = new JobSearch(redis, keys, this.asideNames);
  }

  async counts(): Promise<JobCounts> {
    const { waiting, high, patterns, inProgress, delayed, incomplete, finished, paused } = this.keys;
    const args = [waiting, high, patterns, inProgress, delayed, incomplete, finished, paused];
    const counted = await this.redis.run('count jobs', (redis) =>
      countAll.run(redis, [...args, ...this.asideNames]),
    );
    const [waits, active, later, dead, completed, isPaused] = counted;
    return { waiting: waits, active, delayed: later, dead, completed, isPaused: isPaused === 1 };
  }

  async list(state: JobStateName, page: Page): Promise<JobView[]> {
    const { offset, limit } = checkPage(page);
    if (limit === 0) return [];
    if (state === 'completed') return this.completed(offset, limit);
    if (state === 'dead') return (await this.deadLetters(page)).map(deadView);
    if (state === 'delayed') return this.delayed(offset, limit);
    return this.views(state, await this.raws(state, offset, limit));
  }

  /** A job that moves on while it is looked for may be missed once: it has been where it is found the second time. */
  async get(id: string): Promise<JobView | undefined> {
    return (await this.look(id)) ?? (await this.look(id));
  }

  private async look(id: string): Promise<JobView | undefined> {
    const [text, waitsIn] = await this.redis.run('look up a job', (redis) =>
      Promise.all([redis.hget(this.keys.results, id), this.search.waitingLists()]),
    );
    if (text !== null) return completedView(text);
    for (const list of waitsIn) {
      const raw = await this.search.find(list, id);
      if (raw !== undefined) return (await this.views('waiting', [raw]))[0];
    }
    const active = await this.search.find(this.keys.inProgress, id);
    if (active !== undefined) return (await this.views('active', [active]))[0];
    return (await this.findDelayed(id)) ?? (await this.findDead(id));
  }

  /** Oldest first. */
  async deadLetters(page: Page): Promise<DeadLetterText[]> {
    const { offset, limit } = checkPage(page);
    if (limit === 0) return [];
    const raws = await this.redis.run('list dead letters', (redis) =>
      redis.lrange(this.keys.incomplete, offset, offset + limit - 1),
    );
    return raws.map(readDeadLetter).filter((dead) => dead !== undefined);
  }

  /** Gives back the ids of those that are jobs again; dry, of those that would be. */
  async redrive(ids: readonly string[] | 'all', isDry: boolean): Promise<string[]> {
    const chosen = ids === 'all' ? undefined : new Set(ids);
    const wanted = (await this.allDead()).filter(({ id }) => chosen?.has(id) ?? true);
    if (isDry) return wanted.map(({ id }) => id);
    const { incomplete, waiting, state } = this.keys;
    const driven: string[] = [];
    for (let start = 0; start < wanted.length; start += PAGE) {
      const part = wanted.slice(start, start + PAGE);
      const pairs = part.flatMap(({ raw, jobText }) => [raw, jobText]);
      const done = await this.redis.run('redrive', (redis) =>
        redriveAll.run(redis, [incomplete, waiting, state, ...pairs]),
      );
      driven.push(...part.filter((_, index) => done[index] === 1).map(({ id }) => id));
    }
    return driven;
  }

  /** Takes a job out that nobody runs; false when there is none with this id, or it runs. */
  async remove(id: string): Promise<boolean> {
    const { incomplete, delayed, results, finished } = this.keys;
    for (const list of [...(await this.search.waitingLists()), incomplete]) {
      if (await this.removeFrom(list, await this.search.find(list, id))) return this.release(id);
    }
    if (await this.removeFrom(delayed, await this.search.findDelayed(id))) return this.release(id);
    const wasKept = await this.redis.run('remove a job', async (redis) => {
      const [count] = await Promise.all([redis.hdel(results, id), redis.lrem(finished, 1, id)]);
      return count;
    });
    return wasKept > 0 && this.release(id);
  }

  private async removeFrom(place: string, raw: string | undefined): Promise<boolean> {
    if (raw === undefined) return false;
    const { state, watched, events } = this.keys;
    const { id, pattern } = readJob(raw) ?? { id: '', pattern: '' };
    const event: JobEvent = { type: 'removed', id, pattern };
    const args = [place, state, watched, raw, events, JSON.stringify(event)];
    return (await this.redis.run('remove a job', (redis) => removeOne.run(redis, args))) === 1;
  }

  /** Its id is free again, and how far it came is forgotten. */
  private async release(id: string): Promise<true> {
    const { ids, progress } = this.keys;
    await this.redis.run('remove a job', (redis) =>
      Promise.all([redis.zrem(ids, id), redis.hdel(progress, id)]),
    );
    return true;
  }

  private raws(state: 'waiting' | 'active', offset: number, limit: number): Promise<string[]> {
    const { waiting, high, patterns, inProgress } = this.keys;
    return this.redis.run('list jobs', async (redis) => {
      if (state === 'active')
        return (await redis.lrange(inProgress, -offset - limit, -offset - 1)).toReversed();
      return pageWaiting.run(redis, [waiting, high, patterns, ...this.asideNames, offset, limit]);
    });
  }

  private async delayed(offset: number, limit: number): Promise<JobView[]> {
    const pairs = await this.redis.run('list jobs', (redis) =>
      redis.zrange(this.keys.delayed, `${offset}`, `${offset + limit - 1}`, 'WITHSCORES'),
    );
    const entries = scored(pairs);
    const views = await this.views(
      'delayed',
      entries.map(([raw]) => raw),
    );
    return views.map((view, index) => ({ ...view, dueAt: new Date(entries[index]![1]) }));
  }

  private async completed(offset: number, limit: number): Promise<JobView[]> {
    const { finished, results } = this.keys;
    const texts = await this.redis.run('list jobs', async (redis) => {
      const ids = await redis.lrange(finished, offset, offset + limit - 1);
      return ids.length > 0 ? redis.hmget(results, ...ids) : [];
    });
    return texts.map((text) => completedView(text)).filter((view) => view !== undefined);
  }

  private async views(state: JobStateName, raws: readonly string[]): Promise<JobView[]> {
    if (raws.length === 0) return [];
    const jobs = raws.map((raw) => readJob(raw));
    const [states, progress] = await this.redis.run('list jobs', (redis) =>
      Promise.all([
        redis.hmget(this.keys.state, ...raws),
        redis.hmget(this.keys.progress, ...jobs.map((job) => job?.id ?? '')),
      ]),
    );
    return jobs.map((job, index) => openView(state, job, states[index], progress[index]));
  }

  private async findDead(id: string): Promise<JobView | undefined> {
    const raw = await this.search.find(this.keys.incomplete, id);
    const dead = raw === undefined ? undefined : readDeadLetter(raw);
    return dead && deadView(dead);
  }

  private async findDelayed(id: string): Promise<JobView | undefined> {
    const raw = await this.search.findDelayed(id);
    if (raw === undefined) return undefined;
    const [view] = await this.views('delayed', [raw]);
    const score = await this.redis.run('look up a job', (redis) => redis.zscore(this.keys.delayed, raw));
    return view && { ...view, ...(score !== null && { dueAt: new Date(Number(score)) }) };
  }

  private async allDead(): Promise<DeadLetterText[]> {
    const all: DeadLetterText[] = [];
    for (let start = 0; ; start += STRIDE) {
      const part = await this.redis.run('list dead letters', (redis) =>
        redis.lrange(this.keys.incomplete, start, start + STRIDE - 1),
      );
      all.push(...part.map(readDeadLetter).filter((dead) => dead !== undefined));
      if (part.length < STRIDE) return all;
    }
  }
}

/** RESP3 gives pairs, RESP2 a flat list. */
function scored(entries: readonly unknown[]): [raw: string, score: number][] {
  const flat = entries.flat() as (string | number)[];
  return Array.from({ length: flat.length / 2 }, (_, index) => [
    String(flat[index * 2]),
    Number(flat[index * 2 + 1]),
  ]);
}
