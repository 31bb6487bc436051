import type { JobLogLine } from '../../queue/model/job-log.js';
import type { JobFailure } from '../../queue/model/job-state.js';
import { readJob } from '../../queue/model/job-text.js';
import type { Schedule } from '../../queue/model/schedule.js';
import type { FailureGroup, Failures } from '../../queue/failures/failures.js';
import type { QueueRef, QueueService } from '../../queue/producer/queue-service.js';
import type { JobStateName, JobView } from '../../queue/producer/job-view.js';
import { memberText, plainText, storedText } from '../shown/stored-text.js';
import { jobFilter } from '../act/which-jobs.js';
import type { Question } from './question.js';

const STATES = ['waiting', 'active', 'delayed', 'dead', 'completed'] as const;
const PAGE = 50;
/** Of each repeating job. */
const TICKS = 5;
const MAX_PAGE = 200;
/** Jobs that a search looks at. */
const LOOK_AT = 20_000;
/** Dead letters that are grouped. */
const GROUPED = 10_000;

/** A job in a list: without what may be large, and may hold secrets. */
export type ListedJob = Omit<JobView, 'data' | 'result' | 'progress'>;

/** Some jobs of one state. */
export interface ListedJobs {
  readonly jobs: readonly ListedJob[];
  /** Of a search: how many jobs were looked at, and whether there are more. */
  readonly looked?: number;
  readonly hasMore?: boolean;
  /** Of a search: how many there are of each pattern. */
  readonly patterns?: Readonly<Record<string, number>>;
}

/** All that is known of one job. */
export interface JobStory {
  readonly job: ListedJob | undefined;
  /** As it is stored, without secrets; undefined where that is not known. */
  readonly stored: string | undefined;
  readonly result: string | undefined;
  readonly progress: string | undefined;
  /** The trace that it was added in, where that is stored: 32 hex digits. */
  readonly trace: string | undefined;
  readonly history: readonly JobFailure[];
  readonly log: readonly JobLogLine[];
}

/** What is asked of queues. */
export const QUEUE_QUESTIONS = {
  jobs: ({ instance: { queues } }, order) => {
    const ref = order.queue();
    const state: JobStateName = order.choice('state', STATES);
    const limit = order.count('limit', PAGE, MAX_PAGE);
    const offset = order.count('offset', 0, Number.MAX_SAFE_INTEGER);
    const filter = jobFilter(order);
    return async (): Promise<ListedJobs> => {
      if (Object.keys(filter).length === 0)
        return { jobs: (await queues.list(state, { ...ref, offset, limit })).map(listed) };
      const { jobs, ...rest } = await queues.find(state, { ...ref, ...filter, limit, lookAt: LOOK_AT });
      return { jobs: jobs.map(listed), ...rest };
    };
  },

  failures: ({ instance: { queues } }, order) => {
    const ref = order.queue();
    return async (): Promise<Failures> => {
      const { groups, ...rest } = await queues.failures({ ...ref, lookAt: GROUPED });
      return { ...rest, groups: groups.map(withoutSecrets) };
    };
  },

  schedules: ({ instance: { queues } }, order) => {
    const ref = order.queue();
    return async (): Promise<readonly Omit<Schedule, 'data'>[]> =>
      (await queues.schedules({ ...ref, ticks: TICKS })).map(({ data: _data, ...schedule }) => schedule);
  },

  job: ({ instance: { queues } }, order) => {
    const [ref, id] = [order.queue(), order.text('id')];
    return () => storyOf(queues, ref, id);
  },
} satisfies Record<string, Question>;

async function storyOf(queues: QueueService, ref: Required<QueueRef>, id: string): Promise<JobStory> {
  const [job, stored, log] = await Promise.all([
    queues.get(id, ref),
    queues.stored(id, ref),
    queues.logs(id, ref),
  ]);
  return {
    job: job && listed(job),
    stored: stored && storedText(stored.text),
    result: job?.state === 'completed' ? shown(memberText(stored?.text ?? '', 'result')) : undefined,
    progress: shown(stored?.progress),
    trace: stored && traceOf(stored.text),
    history: (stored?.history ?? []).map(({ at, error }) => ({ at, error: plainText(error) })),
    log: log.map((line) => ({ ...line, text: plainText(line.text) })),
  };
}

function listed({ data: _data, result: _result, progress: _progress, error, ...job }: JobView): ListedJob {
  return { ...job, ...(error !== undefined && { error: plainText(error) }) };
}

function shown(text: string | undefined): string | undefined {
  return text === undefined ? undefined : storedText(text);
}

/** From the header that W3C says, of a job or of what is kept of one that ended. */
function traceOf(text: string): string | undefined {
  const job = readJob(memberText(text, 'job') ?? text);
  const [, trace] = /^[\da-f]{2}-([\da-f]{32})-/.exec(job?.headers['traceparent'] ?? '') ?? [];
  return trace;
}

function withoutSecrets({ reason, example, ...group }: FailureGroup): FailureGroup {
  return { ...group, reason: plainText(reason), example: plainText(example) };
}
