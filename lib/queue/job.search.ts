import type { RedisConnections } from '../redis/redis.connections.js';
import { readDeadLetter, type DeadLetterText } from './dead.letter.js';
import { readJob } from './job.text.js';
import { search, searchIds, waitingLists } from './producer.scripts.js';
import type { QueueKeys } from './queue.keys.js';

/** Elements that one look into a long list reads. */
export const STRIDE = 2_000;

/** Finds the text of a job by its id. What that costs follows the length of the queue. */
export class JobSearch {
  constructor(
    private readonly redis: RedisConnections,
    private readonly keys: QueueKeys,
    /** The key of a list set aside, up to the pattern and after it. */
    private readonly asideNames: readonly [before: string, after: string],
  ) {}

  /** The dead letters of any of these jobs, oldest first. */
  async deadAmong(ids: readonly string[]): Promise<DeadLetterText[]> {
    const wanted = new Set(ids);
    const dead: DeadLetterText[] = [];
    await this.eachAmong(this.keys.incomplete, ids, (raw) => {
      const letter = readDeadLetter(raw);
      if (letter && wanted.has(letter.id)) dead.push(letter);
    });
    return dead;
  }

  /** Those of which a job waits, runs or is delayed. */
  async openAmong(ids: readonly string[]): Promise<Set<string>> {
    const wanted = new Set(ids);
    const open = new Set<string>();
    for (const place of [...(await this.waitingLists()), this.keys.inProgress, this.keys.delayed]) {
      await this.eachAmong(place, ids, (raw) => {
        const id = readJob(raw)?.id;
        if (id !== undefined && wanted.has(id)) open.add(id);
      });
    }
    return open;
  }

  /** Goes through the elements of a list or sorted set that may be of any of these jobs. */
  private async eachAmong(place: string, ids: readonly string[], see: (raw: string) => void): Promise<void> {
    if (ids.length === 0) return;
    const needles = ids.map((id) => JSON.stringify(id));
    for (let start = 0; ; start += STRIDE) {
      const [length = '0', ...found] = await this.redis.run('look for jobs', (redis) =>
        searchIds.run(redis, [place, start, start + STRIDE - 1, ...needles]),
      );
      for (const raw of found) see(raw);
      if (start + STRIDE >= Number(length)) return;
    }
  }

  waitingLists(): Promise<string[]> {
    const { waiting, high, patterns } = this.keys;
    return this.redis.run('list jobs', (redis) =>
      waitingLists.run(redis, [waiting, high, patterns, ...this.asideNames]),
    );
  }

  /** From the head on: what is added meanwhile moves the rest towards the tail, so nothing is passed over. */
  async find(list: string, id: string): Promise<string | undefined> {
    const needle = JSON.stringify(id);
    for (let start = 0; ; start += STRIDE) {
      const [length = '0', ...found] = await this.redis.run('look up a job', (redis) =>
        search.run(redis, [list, start, start + STRIDE - 1, needle]),
      );
      const raw = found.find((text) => readJob(text)?.id === id);
      if (raw !== undefined) return raw;
      if (start + STRIDE >= Number(length)) return undefined;
    }
  }

  async findDelayed(id: string): Promise<string | undefined> {
    for (let start = 0; ; start += STRIDE) {
      const raws = await this.redis.run('look up a job', (redis) =>
        redis.zrange(this.keys.delayed, `${start}`, `${start + STRIDE - 1}`),
      );
      const raw = raws.find((text) => text.includes(id) && readJob(text)?.id === id);
      if (raw !== undefined || raws.length < STRIDE) return raw;
    }
  }
}
