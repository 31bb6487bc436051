import { isJsonObject } from '../../protocol/json.js';
import { decodeJob, encodeJob } from '../../protocol/job.js';
import { createMessage, type Stamp, type UmfMessage } from '../../protocol/message.js';
import { isFailure, stepsFrom, type JobFailure, type JobState } from './job-state.js';
import { readJob, type ReadJob } from './job-text.js';

/** The header that a dead letter has and a job has not. */
const DEATH = 'hydraDead';

interface Death {
  readonly reason: string;
  /** ISO 8601, UTC. */
  readonly diedOn: string;
  readonly attempts: number;
  readonly history: readonly JobFailure[];
  /** What its steps gave: a redriven job need not do them again. */
  readonly steps?: JobState['steps'];
  /** 1: the reason was added to the body, as Hydra 1.x does. */
  readonly inBody?: number;
  /** The job's text, where it is no message. */
  readonly text?: string;
}

/**
 * A job that failed permanently, with the reason.
 *
 * @publicApi
 */
export interface DeadJob {
  /** The id of the job. */
  readonly id: string;
  /** The pattern of the job. */
  readonly pattern: string;
  /** The data of the job. */
  readonly data: unknown;
  /** Why it became a dead letter: the last error, or what happened to its workers. */
  readonly reason: string;
  /** When it became a dead letter; undefined for one of a Hydra 1.x worker. */
  readonly diedAt: Date | undefined;
  /** How many attempts were begun. */
  readonly attempts: number;
  /** The last failed attempts, oldest first. */
  readonly history: readonly JobFailure[];
}

/** One element of the list of dead letters, and the job it would be again. */
export interface DeadLetterText extends DeadJob {
  readonly raw: string;
  readonly jobText: string;
  /** The timestamp of the job's message; '' where it has none. */
  readonly addedOn: string;
  readonly steps: JobState['steps'];
}

/**
 * The dead letter's text: the job with a header that says why, and the reason in its body, where Hydra 1.x puts it. A job
 * that cannot be written again, such as one nested too deep for that, is kept as the text that it came as. Never throws.
 */
export function writeDeadLetter(
  {
    message,
    id,
    pattern,
    raw,
  }: { readonly message: UmfMessage; readonly id: string; readonly pattern: string; readonly raw: string },
  death: Omit<Death, 'inBody' | 'text'>,
): string {
  try {
    return write(message, id, death);
  } catch {
    const { to, from, timestamp } = message;
    const stand = createMessage({ to, from, type: pattern }, { mid: id, timestamp });
    return write(stand, id, { ...death, text: raw });
  }
}

/** The same for text that is no message. */
export function writeForeign(service: string, raw: string, stamp: Stamp, reason: string): string {
  const message = createMessage({ to: `${service}:/`, from: `${service}:/` }, stamp);
  return write(message, stamp.mid, { reason, diedOn: stamp.timestamp, attempts: 0, history: [], text: raw });
}

function write(message: UmfMessage, id: string, death: Omit<Death, 'inBody'>): string {
  const { body } = message;
  const takesReason = isJsonObject(body) && !('reason' in body);
  const headers = { ...message.headers, [DEATH]: takesReason ? { ...death, inBody: 1 } : death };
  return encodeJob({
    ...message,
    mid: message.mid || id,
    headers,
    body: takesReason ? { ...body, reason: death.reason } : body,
  });
}

/** Undefined for text that is no JSON object; never throws. */
export function readDeadLetter(raw: string): DeadLetterText | undefined {
  const message = decodeJob(raw)?.message;
  if (!message) return undefined;
  const { [DEATH]: given, ...headers } = message.headers ?? {};
  const death = deathOf(given, message.body);
  const body = death.inBody === 1 ? withoutReason(message.body) : message.body;
  const { headers: _headers, ...rest } = message;
  const hasHeaders = Object.keys(headers).length > 0;
  const jobText = death.text ?? encoded({ ...rest, ...(hasHeaders && { headers }), body }) ?? raw;
  const job = readJob(jobText);
  return {
    raw,
    jobText,
    addedOn: message.timestamp,
    steps: death.steps,
    ...view(job, message),
    ...shown(death),
  };
}

/** Undefined where it is nested too deep to be written again. */
function encoded(message: UmfMessage): string | undefined {
  try {
    return encodeJob(message);
  } catch {
    return undefined;
  }
}

function view(job: ReadJob | undefined, message: UmfMessage): Pick<DeadJob, 'id' | 'pattern' | 'data'> {
  return { id: message.mid, pattern: job?.pattern ?? '', data: job?.data };
}

function shown({
  reason,
  diedOn,
  attempts,
  history,
}: Death): Pick<DeadJob, 'reason' | 'diedAt' | 'attempts' | 'history'> {
  const diedAt = new Date(diedOn);
  return { reason, diedAt: Number.isNaN(diedAt.getTime()) ? undefined : diedAt, attempts, history };
}

/** What Hydra 1.x gave up has its reason in the body, and nothing else to say. */
function deathOf(given: unknown, body: unknown): Death {
  if (isJsonObject(given) && typeof given['reason'] === 'string') {
    const { reason, diedOn, attempts, history, inBody, text, steps } = given;
    return {
      reason,
      diedOn: typeof diedOn === 'string' ? diedOn : '',
      attempts: typeof attempts === 'number' ? attempts : 0,
      history: Array.isArray(history) ? history.filter(isFailure) : [],
      ...(inBody === 1 && { inBody }),
      ...(isJsonObject(steps) && { steps: stepsFrom(steps) }),
      ...(typeof text === 'string' && { text }),
    };
  }
  const reason = isJsonObject(body) && typeof body['reason'] === 'string' ? body['reason'] : '';
  return { reason, diedOn: '', attempts: 0, history: [], ...(reason && { inBody: 1 }) };
}

function withoutReason(body: unknown): unknown {
  if (!isJsonObject(body)) return body;
  const { reason: _reason, ...rest } = body;
  return rest;
}
