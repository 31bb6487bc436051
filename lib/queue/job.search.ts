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
    if (ids.length === 0) return [];
    const wanted = new Set(ids);
    const needles = ids.map((id) => JSON.stringify(id));
    const dead: DeadLetterText[] = [];
    for (let start = 0; ; start += STRIDE) {
      const [length = '0', ...found] = await this.redis.run('look for dead letters', (redis) =>
        searchIds.run(redis, [this.keys.incomplete, start, start + STRIDE - 1, ...needles]),
      );
      for (const raw of found) {
        const letter = readDeadLetter(raw);
        if (letter && wanted.has(letter.id)) dead.push(letter);
      }
      if (start + STRIDE >= Number(length)) return dead;
    }
  }

  /** Whether a job with this id waits, runs or is delayed. */
  async isOpen(id: string): Promise<boolean> {
    for (const list of [...(await this.waitingLists()), this.keys.inProgress]) {
      if ((await this.find(list, id)) !== undefined) return true;
    }
    return (await this.findDelayed(id)) !== undefined;
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
