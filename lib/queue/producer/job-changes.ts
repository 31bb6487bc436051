import { checkJob } from '../../hydra-options.js';
import type { Context } from '../../redis/context.js';
import { notedAddedAt, readJob } from '../model/job-text.js';
import type { QueueKeys } from '../model/queue-keys.js';
import { changeDelay, replaceText } from '../scripts/change-scripts.js';
import type { JobSearch } from './job-search.js';
import { writeJob } from './job-writing.js';

/** Changes jobs of one queue that have not begun. */
export class JobChanges {
  constructor(
    private readonly context: Pick<Context, 'redis' | 'options'>,
    private readonly keys: QueueKeys,
    private readonly search: JobSearch,
    private readonly service: string,
  ) {}

  /** @throws HydraError `BAD_OPTION` */
  async changeDelay(id: string, delayMs: number): Promise<boolean> {
    checkJob('any', { delayMs });
    const { delayed, idle, hints } = this.keys;
    return this.search.actOn(id, [delayed], (_place, { raw }) => {
      const { pattern = '', id: own = '', message } = readJob(raw) ?? {};
      const addedAt = message ? notedAddedAt(message) : 0;
      const args = [delayed, idle, hints, raw, delayMs, this.keys.wakeOf(''), pattern, own, addedAt];
      return this.context.redis.run('change a delay', (redis) => changeDelay.run(redis, args));
    });
  }

  /** @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE` */
  async update(id: string, data: unknown): Promise<boolean> {
    const { delayed, state } = this.keys;
    const { waiting } = await this.search.places();
    return this.search.actOn(id, [...waiting, delayed], (place, { raw, index, length }) =>
      this.context.redis.run('update a job', (redis) =>
        replaceText.run(redis, [place, state, raw, this.rewritten(raw, data), index, length]),
      ),
    );
  }

  /** The same job with other data. */
  private rewritten(raw: string, data: unknown): string {
    const { id = '', pattern = '', headers, settings, message } = readJob(raw) ?? {};
    const job = { service: this.service, from: message?.from ?? '', pattern, data, headers, ...settings };
    const stamp = { mid: id, timestamp: message?.timestamp ?? '' };
    return writeJob(job, stamp, this.context.options.maxPayloadBytes);
  }
}
