import { BACKOFF_NAMES, type NamesOf, type OptionNames } from '../../hydra-options.js';
import type { AddOptions } from './job-adder.js';
import type { Page } from './job-view.js';
import type { RepeatOptions } from '../model/schedule.js';

/** The names of what the methods of the queue take. */
export const REF_NAMES = { service: true, queue: true } satisfies OptionNames;
export const PAGE_NAMES = { ...REF_NAMES, offset: true, limit: true } satisfies NamesOf<Page>;
export const REDRIVE_NAMES = { ...REF_NAMES, dryRun: true } satisfies OptionNames;
export const CANCEL_NAMES = { ...REF_NAMES, reason: true } satisfies OptionNames;
export const CANCEL_WHERE_NAMES = {
  ...CANCEL_NAMES,
  pattern: true,
  limit: true,
  dryRun: true,
} satisfies OptionNames;
export const RESULT_NAMES = { timeoutMs: true } satisfies OptionNames;

export const ADD_NAMES = {
  ...REF_NAMES,
  id: true,
  dedupMs: true,
  delayMs: true,
  priority: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
  headers: true,
} satisfies NamesOf<AddOptions>;

export const REPEAT_NAMES = {
  queue: true,
  timeZone: true,
  attempts: true,
  backoff: BACKOFF_NAMES,
  timeoutMs: true,
} satisfies NamesOf<RepeatOptions>;
