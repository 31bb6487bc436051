import { BACKOFF_NAMES, type NamesOf, type OptionNames } from '../../hydra-options.js';
import type { AddOptions } from './job-adder.js';
import type { FailureOptions } from '../failures/failures.js';
import type { BulkOptions, DeadJobFilter, FindOptions, JobFilter } from './job-filter.js';
import type { Page } from './job-view.js';
import type { CleanOptions, DrainQueueOptions, ObliterateOptions } from './purge.js';
import { DURABLE_NAMES } from '../watching/event-options.js';
import type { RepeatOptions, ScheduleListOptions } from '../model/schedule.js';

/** The names of what the methods of the queue take. */
export const REF_NAMES = { service: true, queue: true } satisfies OptionNames;
export const EVENTS_NAMES = { ...REF_NAMES, ...DURABLE_NAMES } satisfies OptionNames;
export const PAGE_NAMES = { ...REF_NAMES, offset: true, limit: true } satisfies NamesOf<Page>;
const FILTER_NAMES = {
  pattern: true,
  text: true,
  since: true,
  until: true,
} satisfies NamesOf<JobFilter>;
export const DEAD_FILTER_NAMES = { ...FILTER_NAMES, reason: true } satisfies NamesOf<DeadJobFilter>;
export const FAILURE_NAMES = { ...REF_NAMES, lookAt: true } satisfies NamesOf<FailureOptions>;
export const LIST_NAMES = { ...PAGE_NAMES, ...FILTER_NAMES } satisfies OptionNames;
export const FIND_NAMES = {
  ...REF_NAMES,
  ...FILTER_NAMES,
  limit: true,
  lookAt: true,
} satisfies NamesOf<FindOptions>;
const BULK_NAMES = { dryRun: true, onProgress: true } satisfies NamesOf<BulkOptions>;
export const REDRIVE_NAMES = { ...REF_NAMES, ...BULK_NAMES } satisfies OptionNames;
export const DRAIN_NAMES = {
  ...REF_NAMES,
  ...BULK_NAMES,
  delayed: true,
} satisfies NamesOf<DrainQueueOptions>;
export const CLEAN_NAMES = {
  ...REF_NAMES,
  ...BULK_NAMES,
  pattern: true,
  text: true,
  reason: true,
  olderThanMs: true,
  limit: true,
} satisfies NamesOf<CleanOptions>;
export const OBLITERATE_NAMES = {
  ...REF_NAMES,
  force: true,
  dryRun: true,
} satisfies NamesOf<ObliterateOptions>;
export const CANCEL_NAMES = { ...REF_NAMES, reason: true } satisfies OptionNames;
export const CANCEL_WHERE_NAMES = {
  ...CANCEL_NAMES,
  pattern: true,
  limit: true,
  dryRun: true,
} satisfies OptionNames;
export const SCHEDULES_NAMES = { ...REF_NAMES, ticks: true } satisfies NamesOf<ScheduleListOptions>;
export const RESULT_NAMES = { timeoutMs: true } satisfies OptionNames;

export const ADD_NAMES = {
  ...REF_NAMES,
  id: true,
  dedupMs: true,
  duplicate: true,
  delayMs: true,
  priority: true,
  lifo: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
  headers: true,
} satisfies NamesOf<AddOptions>;

export const REPEAT_NAMES = {
  queue: true,
  timeZone: true,
  startAt: true,
  endAt: true,
  count: true,
  atOnce: true,
  overlap: true,
  priority: true,
  headers: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
} satisfies NamesOf<RepeatOptions>;
