import { answersAreWhole, callsEnd, callsRunOnce, callsSucceed, callsTellTheTruth } from './calls.js';
import { configsAreWhole } from './configs.js';
import { entriesAreInOrder, entriesAreKept, entriesEndOnce } from './entries.js';
import { Evidence, type Invariant } from './evidence.js';
import {
  fencesRise,
  idsAreUnique,
  jobsAreKept,
  jobsBeginAtOnce,
  jobsBeginSoon,
  jobsEndOnce,
  jobsRunAlone,
  limitsHold,
} from './jobs.js';
import { nothingIsLeft, nothingLeaks } from './nothing-left.js';
import { callsReachAll } from './reach.js';
import { registryIsRight } from './registry.js';
import { ticksAreOne } from './schedules.js';

/** What the library promises, by name. */
const INVARIANTS: Readonly<Record<string, Invariant>> = {
  'every call ends by its deadline': callsEnd,
  'a call that is not idempotent runs at most once': callsRunOnce,
  'mayHaveRun: false is true': callsTellTheTruth,
  'the values of an answer are whole, or the call fails': answersAreWhole,
  'a call is answered while all is well': callsSucceed,
  'each instance gets calls while nothing is done to it': callsReachAll,
  'no accepted job is lost': jobsAreKept,
  'a job begins soon while all is well': jobsBeginSoon,
  'a job begins at once while all is well and there is room': jobsBeginAtOnce,
  'a job ends once': jobsEndOnce,
  'an id is unique while its job exists': idsAreUnique,
  'fences rise': fencesRise,
  'limits are not exceeded': limitsHold,
  'a job runs in one place at a time': jobsRunAlone,
  'a tick of a schedule is one job': ticksAreOne,
  'no accepted entry is lost': entriesAreKept,
  'an entry that was done does not begin again': entriesEndOnce,
  'entries of a key are in order': entriesAreInOrder,
  'a configuration is never mixed, and the last one arrives': configsAreWhole,
  'the registry is right': registryIsRight,
  'nothing is left after close': nothingIsLeft,
  'nothing leaks': nothingLeaks,
};

/** One time at which a rule was not kept. */
export interface Violation {
  readonly rule: string;
  readonly what: string;
}

export function violationsOf({ plan, facts }: Pick<Evidence, 'plan' | 'facts'>): Violation[] {
  const evidence = new Evidence(plan, facts);
  return Object.entries(INVARIANTS).flatMap(([rule, check]) =>
    check(evidence).map((what) => ({ rule, what })),
  );
}
