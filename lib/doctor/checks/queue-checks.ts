import { DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { FoundFault } from '../../redis/faults/fault.js';
import type { SeenInstance, SeenQueue } from '../evidence/facts.js';
import type { Check } from '../finding.js';
import { listed } from '../../runtime/listed.js';
import { ageText, sumOf } from './names.js';

const OLD_JOB_MS = 300_000;

/** The queues of all services. */
export const QUEUE_CHECKS: readonly Check[] = [
  {
    id: 'queues.no-worker',
    category: 'queues',
    severity: 'error',
    needs: ['queues', 'instances'],
    why: 'jobs wait, and nobody takes them',
    fix: 'start an instance of the service that has a @QueuePattern handler in this queue; npx nestjs-hydra queue counts <queue>',
    find: ({ queues, instances }) => {
      const stuck = queues.filter(
        ({ service, waiting, workers }) => waiting > 0 && workers === 0 && !hasLegacy(instances, service),
      );
      const count = sumOf(stuck, ({ waiting }) => waiting);
      return of(stuck, (names) => `${count} jobs wait without a worker, of ${names}`);
    },
  },
  {
    id: 'queues.no-handler',
    category: 'queues',
    severity: 'error',
    needs: ['queues'],
    why: 'workers are there, and none of them has a handler for these jobs: without one they are dead letters after queue.noHandlerMs',
    fix: 'start an instance whose @QueuePattern has this pattern; or npx nestjs-hydra queue cancel <queue> --pattern <pattern>',
    find: ({ queues }) => {
      const stuck = queues.filter(({ workers, unhandled }) => workers > 0 && countOf(unhandled) > 0);
      const patterns = [...new Set(stuck.flatMap(({ unhandled }) => Object.keys(unhandled)))];
      const count = sumOf(stuck, ({ unhandled }) => countOf(unhandled));
      const what = (names: string) => `${count} jobs wait for a handler of ${listed(patterns)}, of ${names}`;
      return of(stuck, what, { pattern: patterns[0] ?? '' });
    },
  },
  {
    id: 'queues.old',
    category: 'queues',
    severity: 'warning',
    needs: ['queues'],
    why: 'jobs come faster than they are worked off, or a few take very long',
    fix: 'npx nestjs-hydra queue list <queue> waiting --counts; start more instances, or raise concurrency',
    find: ({ queues }) => {
      const old = queues
        .filter(({ workers, oldestMs, isPaused }) => workers > 0 && !isPaused && (oldestMs ?? 0) > OLD_JOB_MS)
        .toSorted((a, b) => b.oldestMs! - a.oldestMs!);
      return of(old, (names) => `jobs have waited for up to ${ageText(old[0]!.oldestMs!)}, of ${names}`);
    },
  },
  {
    id: 'queues.dead-letters',
    category: 'queues',
    severity: 'warning',
    needs: ['queues'],
    why: 'these jobs were given up, and wait for a person',
    fix: 'npx nestjs-hydra queue dead <queue>; then npx nestjs-hydra queue redrive <queue> --all, or queue clean',
    find: ({ queues }) => {
      const some = queues.filter(({ deadLetters }) => deadLetters > 0);
      const count = sumOf(some, ({ deadLetters }) => deadLetters);
      return of(some, (names) => `${count} dead letters, of ${names}`);
    },
  },
  {
    id: 'queues.paused',
    category: 'queues',
    severity: 'info',
    needs: ['queues'],
    why: 'no job of a paused queue starts',
    fix: 'npx nestjs-hydra queue resume <queue>',
    find: ({ queues }) =>
      of(
        queues.filter(({ isPaused }) => isPaused),
        (names) => `paused: ${names}`,
      ),
  },
  {
    id: 'queues.hydra-in-progress',
    category: 'queues',
    severity: 'warning',
    needs: ['queues', 'instances'],
    why: 'a Hydra 1.x worker that dies leaves its job there, and nothing brings it back',
    fix: 'npx nestjs-hydra queue list <queue> active; npx nestjs-hydra queue release <queue> <id>',
    find: ({ queues, instances }) => {
      const left = queues.filter(
        ({ service, inProgress }) => inProgress > 0 && !hasLegacy(instances, service),
      );
      const count = sumOf(left, ({ inProgress }) => inProgress);
      return of(left, (names) => `${count} jobs of Hydra 1.x workers that are gone are left, of ${names}`);
    },
  },
];

/** A worker of Hydra 1.x does not say that it is one. */
function hasLegacy(instances: readonly SeenInstance[], service: string): boolean {
  return instances.some((one) => one.service === service && !one.isOurs);
}

function countOf(unhandled: SeenQueue['unhandled']): number {
  return sumOf(Object.values(unhandled), (count) => count);
}

/** What is said of these queues, where there are any. The first of them stands in what mends it. */
function of(
  queues: readonly SeenQueue[],
  say: (names: string) => string,
  names: FoundFault['names'] = {},
): FoundFault | undefined {
  const [first] = queues;
  if (first === undefined) return undefined;
  const isNamed = first.queue !== DEFAULT_QUEUE;
  const queue = isNamed ? `${first.service} --queue ${first.queue}` : first.service;
  const about = queues.map((one) => ({ service: one.service, queue: one.queue }));
  return { what: say(listed(queues.map(nameOf))), names: { ...names, queue }, about };
}

function nameOf({ service, queue }: SeenQueue): string {
  return queue === DEFAULT_QUEUE ? service : `${service} (${queue})`;
}
