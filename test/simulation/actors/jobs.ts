import { throwError, type Observable } from 'rxjs';

import { HydraError } from '../../../lib/hydra-error.js';
import type { HydraJobContext } from '../../../lib/queue/worker/hydra-job-context.js';
import type { Detail } from '../world/ledger.js';
import type { Member, Role } from './member.js';

interface JobData {
  readonly id: string;
  readonly ms: number;
  /** In how many attempts it fails. */
  readonly fails: number;
}

export const JOBS = 'shop';
export const RATE = { max: 4, perMs: 2_000 };
export const CONCURRENCY = 3;
export const TICK_MS = 2_000;
const AGAIN_MS = 700;

/** A worker whose handlers write down that they ran. */
export const WORKER: Role = {
  service: JOBS,
  options: { queue: { blockedMs: 6_000, dedupMs: 4_000 } },
  handlers: (member) => {
    const backoff = { type: 'fixed', delayMs: 500 };
    const handle = (data: JobData, context: HydraJobContext) => run(member, data, context);
    const options = { concurrency: CONCURRENCY, attempts: 4, backoff };
    return [
      { mode: 'job', pattern: 'plain', options, handle },
      { mode: 'job', pattern: 'rated', options: { ...options, rateLimit: RATE }, handle },
      { mode: 'job', pattern: 'tick', options, handle },
    ];
  },
  live: async (member) => {
    while (member.isThere && !(await setSchedule(member))) await member.sleep(500);
  },
};

/** A process that adds jobs. */
export const PRODUCER: Role = {
  service: 'producer',
  live: (member) => {
    let count = 0;
    void member.again(50, 700, () => add(member, `${member.name}/${count++}`));
  },
};

/** Hears what becomes of the jobs. */
export const LISTENER: Role = {
  service: 'listener',
  live: (member) => {
    const events = member.instance.queues.events({ service: JOBS });
    events.subscribe(({ type, id }) => {
      if (type !== 'progress') member.note('job told', { type, id });
    });
  },
};

/** Whether Redis took it. */
async function setSchedule(member: Member): Promise<boolean> {
  const data: JobData = { id: 'tick', ms: 20, fails: 0 };
  try {
    await member.instance.queues.repeat('ticks', { everyMs: TICK_MS }, 'tick', data);
    member.note('schedule set');
    return true;
  } catch (error) {
    member.note('schedule not set', { error: String(error) });
    return false;
  }
}

async function run(
  member: Member,
  data: JobData,
  context: HydraJobContext,
): Promise<Observable<never> | object> {
  const { id, fence, attempt, signal } = context;
  const pattern = context.getPattern();
  member.note('job began', { id, pattern, fence, attempt });
  await member.sleep(data.ms, signal);
  const outcome = signal.aborted ? 'aborted' : attempt <= data.fails ? 'failed' : 'done';
  member.note('job ended', {
    id,
    pattern,
    fence,
    outcome,
    reason: signal.aborted ? String(signal.reason) : undefined,
  });
  if (outcome !== 'done') return throwError(() => new Error(outcome));
  return { id };
}

async function add(member: Member, own: string): Promise<void> {
  const data: JobData = {
    id: own,
    ms: member.chance(0.3) ? 0 : member.draw(1, 1_500),
    fails: member.chance(0.2) ? Math.floor(member.draw(1, 5)) : 0,
  };
  const pattern = member.chance(0.2) ? 'rated' : 'plain';
  // A few ids for many jobs, too.
  const isShared = member.chance(0.2);
  const id = isShared ? `shared/${Math.floor(member.draw(0, 3))}` : own;
  const delayMs = member.chance(0.2) ? Math.floor(member.draw(1, 3_000)) : 0;
  const what = { id, pattern, isShared, delayMs };
  const startedAt = member.host.process.monotonic();
  member.note('job adding', what);
  const options = { service: JOBS, id, ...(delayMs > 0 && { delayMs }) };
  // With an id a job can be added again where it is not known whether it was.
  while (member.isThere && !(await addOnce(member, { pattern, data, options, startedAt, what })))
    await member.sleep(AGAIN_MS);
}

interface Addition {
  readonly pattern: string;
  readonly data: JobData;
  readonly options: { readonly service: string; readonly id: string };
  readonly startedAt: number;
  readonly what: Readonly<Record<string, Detail>>;
}

/** Whether Redis has it. */
async function addOnce(
  member: Member,
  { pattern, data, options, startedAt, what }: Addition,
): Promise<boolean> {
  try {
    const { isNew } = await member.instance.queues.add(pattern, data, options);
    member.note('job added', { ...what, isNew, startedAt });
    return true;
  } catch (error) {
    const code = error instanceof HydraError ? error.code : String(error);
    member.note('job not added', { ...what, code });
    return code !== 'REDIS_UNAVAILABLE';
  }
}
