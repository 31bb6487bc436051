import { firstValueFrom, take, toArray } from 'rxjs';

import type { QueueService } from '../../../lib/index.js';
import { eventually } from '../../support/eventually.js';
import { seen } from './handlers.js';

const STATES = ['waiting', 'delayed', 'active', 'completed', 'dead'] as const;

/** All that a queue can do. */
export async function useQueues(queues: QueueService): Promise<void> {
  await addJobs(queues);
  await queues.pause();
  await lookAtJobs(queues);
  await changeJobs(queues);
  await cancelJobs(queues);
  await queues.resume();
  await repeatJobs(queues);
  await cancelWhatRuns(queues);
  await redriveJobs(queues);
  await followJobs(queues);
  await removeAll(queues);
}

async function addJobs(queues: QueueService): Promise<void> {
  await queues.addBulk([1, 2, 3].map((n) => ({ pattern: 'job', data: { n } })));
  await queues.add('job', { n: 1 }).result();
  await queues.add('job', { n: 2 }, { id: 'once' });
  await queues.add('job', { n: 2 }, { id: 'once' });
  await queues.add('job', { n: 3 }, { delayMs: 50 });
  await queues.add('job', { n: 4 }, { priority: 'high' });
  await queues.add('job', { n: 5 }, { priority: -2, lifo: true });
  await queues.add('noted', {}, { id: 'noted' }).result();
  await queues.logs('noted');
  await queues
    .add('failing', '\u00e9 \u20ac', { id: 'dead' })
    .result()
    .catch(() => undefined);
}

async function lookAtJobs(queues: QueueService): Promise<void> {
  await queues.add('job', 'removed', { id: 'removed' });
  await queues.counts();
  await queues.rates();
  for (const state of STATES) {
    await queues.list(state);
    await queues.list(state, { pattern: 'job' });
    await queues.find(state, { text: 'removed', limit: 2 });
  }
  await queues.failures();
  for (const id of ['removed', 'noted', 'dead', 'nosuch']) {
    await queues.get(id);
    await queues.stored(id);
    await firstValueFrom(queues.watch(id).pipe(take(1), toArray()));
  }
  for (const id of ['removed', 'noted', 'nosuch']) await queues.remove(id);
}

async function changeJobs(queues: QueueService): Promise<void> {
  await queues.add('job', 'later', { id: 'later', delayMs: 3_600_000, dedupMs: 1_000 });
  await queues.update('later', 'other');
  await queues.changeDelay('later', 7_200_000);
  await queues.promote('later');
  await queues.add('job', 'replaced', { id: 'last', delayMs: 3_600_000 });
  await queues.add('job', 'replaces', { id: 'last', duplicate: 'keep-last' });
  await queues.add('job', 'extends', { id: 'last', duplicate: 'extend', delayMs: 3_600_000 });
  await queues.add('job', 'waits', { id: 'waits' });
  await queues.update('waits', 'waits for longer');
  await queues.update('nosuch', 'nothing');
  await queues.limit('elsewhere', 1_000);
  await queues.limit('elsewhere', 0);
  await queues.release('nosuch');
}

async function cancelJobs(queues: QueueService): Promise<void> {
  await queues.cancel('waits', { reason: 'not wanted' });
  await queues.cancel('last');
  await queues.cancel('nosuch');
  for (const n of [1, 2, 3]) await queues.add('unwanted', { n });
  await queues.cancelWhere({ pattern: 'unwanted', dryRun: true });
  await queues.cancelWhere({ pattern: 'unwanted', limit: 2 });
}

async function repeatJobs(queues: QueueService): Promise<void> {
  await queues.repeat('often', { everyMs: 200 }, 'tick', {});
  await queues.repeat('often', { everyMs: 200 }, 'tick', {});
  await queues.schedules();
  await eventually(() => seen.ticks > 0, { what: 'a tick' });
  await queues.stopRepeating('often');
}

async function cancelWhatRuns(queues: QueueService): Promise<void> {
  await queues.add('holding', {}, { id: 'held' });
  await eventually(() => seen.holding > 0, { what: 'a job to be running' });
  await queues.add('job', 'follows', { id: 'held', duplicate: 'keep-last' });
  for (const state of STATES) await queues.list(state);
  await queues.get('held');
  await queues.cancel('held', { reason: 'enough' });
}

async function redriveJobs(queues: QueueService): Promise<void> {
  await queues.deadLetters();
  const before = seen.failures;
  await queues.redrive('all');
  await eventually(() => seen.failures >= before + 2, { what: 'the dead letter to run again' });
  const letters = async () => (await queues.deadLetters()).length > 0;
  await eventually(letters, { what: 'it to be a dead letter again' });
  await queues.redrive({ pattern: 'failing', text: 'fails' }, { dryRun: true });
  await queues.redrive('nosuch');
}

async function followJobs(queues: QueueService): Promise<void> {
  const kept = firstValueFrom(queues.events({ durable: { count: 100 } }).pipe(take(2), toArray()));
  await queues.add('job', 'told').result();
  await queues.add('job', 'told too').result();
  await kept;
  await firstValueFrom(queues.events({ durable: true, since: 'beginning' }).pipe(take(1)));
}

async function removeAll(queues: QueueService): Promise<void> {
  await queues.pause();
  for (const n of [1, 2, 3]) await queues.add('job', { n });
  await queues.add('job', 'late', { id: 'late', delayMs: 3_600_000 });
  await queues.clean('completed', { limit: 2 });
  await queues.clean('delayed');
  await queues.clean('dead');
  await queues.drain({ delayed: true });
  await queues.add('job', 'gone');
  await queues.obliterate({ dryRun: true });
  await queues.obliterate({ force: true });
  await queues.resume();
}
