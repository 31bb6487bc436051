import { transformPatternToRoute } from '@nestjs/microservices/utils/transform-pattern.utils.js';

import { badOption, integer, nonEmptyString } from '../../hydra-options.js';
import type { JobView } from './job-view.js';

/** Which jobs are meant. @publicApi */
export interface JobFilter {
  /** Those of this pattern. */
  readonly pattern?: string | number | object;
  /** Those that hold this text, as it stands in their JSON: data, id, headers; of completed ones the result, of dead letters the reason too. */
  readonly text?: string;
  /** Those that were added at this time or later; completed ones and dead letters: that ended. */
  readonly since?: Date;
  /** Or at this time or earlier. */
  readonly until?: Date;
}

/** Which dead letters are meant. @publicApi */
export interface DeadJobFilter extends JobFilter {
  /** Those whose reason belongs to this group, as `failures` names it. */
  readonly reason?: string;
}

/** Options of `find`. @publicApi */
export interface FindOptions extends JobFilter {
  /** How many jobs are given back at most; all that are looked at are counted. @defaultValue 100 */
  readonly limit?: number;
  /** How many jobs are looked at, at most. @defaultValue 100000 */
  readonly lookAt?: number;
}

/** What all that removes or moves many jobs may be told. @publicApi */
export interface BulkOptions {
  /** True: only says what would be done. @defaultValue false */
  readonly dryRun?: boolean;
  /** Called with the number that is done so far, after each step. */
  readonly onProgress?: (done: number) => void;
}

/** What `find` found. @publicApi */
export interface FoundJobs {
  /** The first of them, up to `limit`. */
  readonly jobs: readonly JobView[];
  /** How many there are of each pattern, among those that were looked at. */
  readonly patterns: Readonly<Record<string, number>>;
  /** How many jobs were looked at. */
  readonly looked: number;
  /** There are jobs that were not looked at, because `lookAt` was reached. */
  readonly hasMore: boolean;
}

/** A filter without gaps: '' for what is not asked. */
export interface ResolvedFilter {
  readonly pattern: string;
  readonly text: string;
  readonly since: Date | undefined;
  readonly until: Date | undefined;
}

/** @throws HydraError `BAD_OPTION` */
export function resolveFilter({ pattern, text, since, until }: JobFilter): ResolvedFilter {
  return {
    pattern: pattern === undefined ? '' : nonEmptyString('pattern', routeOf(pattern)),
    text: text === undefined ? '' : nonEmptyString('text', text),
    since: dateOf('since', since),
    until: dateOf('until', until),
  };
}

/** Whether nothing is filtered. */
export function isAll({ pattern, text, since, until }: JobFilter): boolean {
  return pattern === undefined && text === undefined && since === undefined && until === undefined;
}

/** @throws HydraError `BAD_OPTION` */
export function checkFind({ limit = 100, lookAt = 100_000 }: FindOptions) {
  return { limit: integer('limit', limit, 0), lookAt: integer('lookAt', lookAt, 1) };
}

function dateOf(option: string, date: Date | undefined): Date | undefined {
  if (date === undefined || (date instanceof Date && !Number.isNaN(date.getTime()))) return date;
  throw badOption(option, date, 'a valid Date');
}

/** A pattern as Nest normalises it: the name a handler is found by. */
export function routeOf(pattern: string | number | object): string {
  return typeof pattern === 'string' ? pattern : transformPatternToRoute(pattern as never);
}
