import { throwError, type Observable } from 'rxjs';

import { HydraError } from '../../../lib/hydra-error.js';
import type { HydraEntryContext } from '../../../lib/streams/hydra-entry-context.js';
import type { Member, Role } from './member.js';

interface EntryData {
  readonly n: string;
  readonly key: string;
  readonly ms: number;
  readonly fails: number;
}

export const STREAM = 'orders';
const KEYS = 4;

/** A consumer of a group whose entries are in order for each key. */
export const CONSUMER: Role = {
  service: 'reader',
  handlers: (member) => [
    {
      mode: 'entry',
      pattern: STREAM,
      options: { from: 'beginning', orderBy: 'key', attempts: 4, backoff: { minMs: 100, maxMs: 500 } },
      handle: (data: EntryData, context: HydraEntryContext) => run(member, data, context),
    },
  ],
};

export const PUBLISHER: Role = {
  service: 'publisher',
  live: (member) => {
    let count = 0;
    void member.again(50, 600, () => publish(member, `${member.name}/${count++}`));
  },
};

async function run(
  member: Member,
  data: EntryData,
  context: HydraEntryContext,
): Promise<Observable<never> | undefined> {
  const { id, attempt, signal } = context;
  const { n, key, fails } = data;
  member.note('entry began', { id, n, key, attempt });
  await member.sleep(data.ms, signal);
  const outcome = signal.aborted ? 'aborted' : attempt <= fails ? 'failed' : 'done';
  member.note('entry ended', { id, n, key, attempt, outcome });
  return outcome === 'done' ? undefined : throwError(() => new Error(outcome));
}

async function publish(member: Member, n: string): Promise<void> {
  const key = `key${Math.floor(member.draw(0, KEYS))}`;
  const data: EntryData = {
    n,
    key,
    ms: member.chance(0.4) ? 0 : member.draw(1, 500),
    fails: member.chance(0.15) ? Math.floor(member.draw(1, 5)) : 0,
  };
  const startedAt = member.host.process.monotonic();
  member.note('entry publishing', { n, key });
  try {
    const id = await member.instance.streams.publish(STREAM, data, { id: n });
    member.note('entry published', { n, key, id, startedAt });
  } catch (error) {
    const code = error instanceof HydraError ? error.code : String(error);
    member.note('entry not published', { n, key, code });
  }
}
