import type { Command } from 'commander';

import type { JobStateName, JobView } from '../../queue/producer/job-view.js';
import { DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { FoundJobs, JobFilter } from '../../queue/producer/job-filter.js';
import { QueueService, type QueueRef } from '../../queue/producer/queue-service.js';
import { CommandFailure, declined, ExitCode } from '../session/command-failure.js';
import { parseDuration } from '../session/duration.js';
import { showEvents, type EventsOptions } from './queue-events.js';
import { knownQueue } from '../lookup/known-service.js';
import { parseChoice, parseCount, withInstance, type GlobalOptions } from '../session/session.js';
import { fullId, isShortId, shortIds } from '../lookup/short-ids.js';
import { confirm, note, plain, print, printJson, printTable } from '../session/terminal.js';

const STATES: readonly JobStateName[] = ['waiting', 'active', 'delayed', 'dead', 'completed'];

/** How many jobs of each state are searched for the beginning of an id. */
const LOOKED_AT = 1_000;

interface QueueOptions extends EventsOptions {
  readonly queue: string;
  readonly limit: number;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly pattern?: string;
  readonly reason?: string;
  readonly text?: string;
  readonly since?: number;
  readonly before?: number;
  readonly counts?: boolean;
  readonly delayed?: boolean;
  readonly force?: boolean;
}

/** One queue of one service. */
interface QueueTarget {
  readonly queue: QueueService;
  readonly ref: Required<QueueRef>;
  readonly options: QueueOptions;
  readonly global: GlobalOptions;
}

export function addQueueCommands(program: Command): void {
  const queue = program.command('queue').description("a service's jobs");

  onQueue(queue.command('counts <service>'), counts).description('how many jobs there are in each state');
  withFilter(withLimit(onQueue(queue.command('list <service> <state>'), list)))
    .description(`jobs in one state: ${STATES.join(', ')}`)
    .option('--counts', 'only how many there are of each pattern');
  onQueue(queue.command('log <service> <id>'), log).description('what the handler of a job wrote with log');
  onQueue(queue.command('events <service>'), ({ queue: jobs, ref, options, global }) =>
    showEvents(jobs, ref, options, global),
  )
    .description('what happens to its jobs from now on, until Ctrl-C')
    .option(
      '--durable',
      'has events kept in Redis for an hour, and tells those missed while the connection was lost',
    )
    .option('--after <event>', 'first those kept behind an event, or "beginning"; with --durable')
    .option('--count <count>', 'ends after so many', parseCount);
  onQueue(queue.command('show <service> <id>'), show).description('one job, with its data');
  withLimit(onQueue(queue.command('dead <service>'), dead)).description('what was given up, and why');
  withFilter(onQueue(queue.command('redrive <service> [ids...]'), redrive))
    .description('make jobs of dead letters again')
    .option('--all', 'every dead letter')
    .option('--dry-run', 'only say which')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('remove <service> <id>'), remove)
    .description('remove a job or a dead letter permanently')
    .option('-y, --yes', 'do not ask');
  addPurges(queue);
  onQueue(queue.command('promote <service> <id>'), promote).description('start a delayed job now');
  onQueue(queue.command('cancel <service> [id]'), cancel)
    .description('end a job that waits, is delayed or runs, or all of one pattern')
    .option('--pattern <pattern>', 'every job of it')
    .option('--reason <text>', 'what its producer and its handler are told', 'cancelled')
    .option('--dry-run', 'only say which')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('release <service> <id>'), release)
    .description('put a job that a dead Hydra 1.x worker held back to the front of the line')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('schedules <service>'), schedules).description('jobs that repeat, and when next');
  onQueue(queue.command('unschedule <service> <name>'), unschedule)
    .description('end a job that repeats')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('pause <service>'), pause).description('no worker takes a job from now on');
  onQueue(queue.command('resume <service>'), resume).description('workers take jobs again');
}

function addPurges(queue: Command): void {
  onQueue(queue.command('drain <service>'), drain)
    .description('remove all jobs that wait')
    .option('--delayed', 'the delayed ones too')
    .option('--dry-run', 'only say how many')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('clean <service> <state>'), clean)
    .description('remove old jobs of one state: waiting, delayed, dead, completed')
    .option('--before <time>', 'that were added, or ended, so long ago, such as 10m, 2h or 7d', parseDuration)
    .option('--pattern <pattern>', 'of this pattern')
    .option('--text <text>', 'that hold this text')
    .option('--dry-run', 'only say which')
    .option('-y, --yes', 'do not ask');
  onQueue(queue.command('obliterate <service>'), obliterate)
    .description('remove a queue with everything in it')
    .option('--force', 'also while jobs run')
    .option('--dry-run', 'only say what there is')
    .option('-y, --yes', 'do not ask');
}

function withFilter(command: Command): Command {
  return command
    .option('--pattern <pattern>', 'of this pattern')
    .option('--text <text>', 'that hold this text')
    .option('--since <time>', 'added, or ended, within so long, such as 10m or 2h', parseDuration)
    .option('--before <time>', 'added, or ended, so long ago', parseDuration);
}

function ago(ms: number): Date {
  return new Date(Date.now() - ms);
}

function filterOf({ pattern, text, since, before }: QueueOptions): JobFilter {
  return {
    ...(pattern !== undefined && { pattern }),
    ...(text !== undefined && { text }),
    ...(since !== undefined && { since: ago(since) }),
    ...(before !== undefined && { until: ago(before) }),
  };
}

function withLimit(command: Command): Command {
  return command.option('-n, --limit <count>', 'how many', parseCount, 100);
}

function onQueue(command: Command, act: (target: QueueTarget, ...words: never[]) => Promise<void>): Command {
  return command
    .option('--queue <name>', 'one of its named queues', 'default')
    .action((service: string, ...rest: unknown[]) => {
      const words = rest.slice(0, -2) as never[];
      return withInstance(command, async (instance, global) => {
        const options: QueueOptions = command.opts();
        const queue = new QueueService(instance);
        try {
          const ref = { service: await knownQueue(instance, service, options.queue), queue: options.queue };
          await act({ queue, ref, options, global }, ...words);
        } finally {
          queue.close();
        }
      });
    });
}

async function counts({ queue, ref, global }: QueueTarget): Promise<void> {
  const found = await queue.counts(ref);
  if (global.json) return printJson(found);
  const { waiting, active, delayed, dead: given, completed, isPaused, workers, oldestWaitingAt } = found;
  printTable(
    ['WAITING', 'ACTIVE', 'DELAYED', 'DEAD', 'COMPLETED', 'PAUSED', 'WORKERS', 'OLDEST WAITING'],
    [
      [
        ...[waiting, active, delayed, given, completed, isPaused ? 'yes' : 'no', workers],
        oldestWaitingAt?.toISOString() ?? '-',
      ],
    ],
  );
  if (waiting > 0 && workers === 0) note('no worker of nestjs-hydra reads it');
  const unhandled = Object.entries(found.unhandled);
  if (unhandled.length > 0) printTable(['PATTERN WITHOUT A HANDLER', 'WAITING'], unhandled);
}

async function list({ queue, ref, options, global }: QueueTarget, word: string): Promise<void> {
  const state = parseChoice('state', word, STATES);
  const filter = filterOf(options);
  if (options.counts) return printCounts(await queue.find(state, { ...ref, ...filter, limit: 0 }), global);
  const jobs = await queue.list(state, { ...ref, ...filter, limit: options.limit });
  if (global.json) return printJson(jobs);
  if (jobs.length === 0) return note('none');
  const short = shortIds(jobs.map(({ id }) => id));
  const rows = jobs.map((job) => [short(job.id), ...cellsOf(job)]);
  printTable(['ID', 'PATTERN', 'SINCE', 'ATTEMPTS', 'DETAILS'], rows);
}

function printCounts({ patterns, looked, hasMore }: FoundJobs, { json }: GlobalOptions): void {
  if (json) return printJson(patterns);
  const rows = Object.entries(patterns).toSorted(([, a], [, b]) => b - a);
  if (rows.length === 0) return note('none');
  printTable(['PATTERN', 'JOBS'], rows);
  if (hasMore) note(`among the first ${looked} that were looked at`);
}

async function log(target: QueueTarget, text: string): Promise<void> {
  const { queue, ref, global } = target;
  const lines = await queue.logs(await jobNamed(target, text), ref);
  if (global.json) return printJson(lines);
  if (lines.length === 0) return note('none');
  for (const { at, attempt, text: line } of lines) print(`${at.toISOString()} ${attempt} ${plain(line)}`);
}

async function show(target: QueueTarget, text: string): Promise<void> {
  const { queue, ref } = target;
  const job = await queue.get(await jobNamed(target, text), ref);
  if (!job) throw notThere(text, ref);
  printJson(job);
}

async function schedules({ queue, ref, global }: QueueTarget): Promise<void> {
  const found = await queue.schedules(ref);
  if (global.json) return printJson(found);
  if (found.length === 0) return note('none');
  const rows = found.map(({ name, cron, everyMs, timeZone, pattern, nextAt, added }) => [
    ...[name, cron ?? `every ${everyMs} ms`, timeZone, pattern, nextAt?.toISOString() ?? 'never', added],
  ]);
  printTable(['NAME', 'WHEN', 'ZONE', 'PATTERN', 'NEXT', 'ADDED'], rows);
}

async function unschedule({ queue, ref, options }: QueueTarget, name: string): Promise<void> {
  if (!(await queue.schedules(ref)).some((schedule) => schedule.name === name)) throw notThere(name, ref);
  const question = `End the schedule ${plain(name)} of ${ref.service}?`;
  if (!(await confirm(question, options.yes ?? false))) throw declined();
  if (!(await queue.stopRepeating(name, ref))) throw notThere(name, ref);
  note(`${plain(name)} adds no more jobs; a service that sets it when it starts sets it again`);
}

async function dead({ queue, ref, options, global }: QueueTarget): Promise<void> {
  const letters = await queue.deadLetters({ ...ref, limit: options.limit });
  if (global.json) return printJson(letters);
  if (letters.length === 0) return note('none');
  const short = shortIds(letters.map(({ id }) => id));
  const cells = letters.map(({ id, pattern, diedAt, attempts, reason }) => [
    ...[short(id), pattern, diedAt?.toISOString() ?? '-', attempts, reason],
  ]);
  printTable(['ID', 'PATTERN', 'DIED', 'ATTEMPTS', 'REASON'], cells);
}

async function redrive(target: QueueTarget, words: readonly string[]): Promise<void> {
  const { queue, ref, options, global } = target;
  const { all = false, dryRun = false, yes = false } = options;
  const filter = filterOf(options);
  const isFiltered = Object.keys(filter).length > 0;
  if ((all || isFiltered) === words.length > 0)
    throw new CommandFailure(
      ExitCode.usage,
      'name the dead letters, or say --all, --pattern, --text or --since',
    );
  const ids = await Promise.all(words.map((word) => jobNamed(target, word)));
  const wanted = all || isFiltered ? filter : ids;
  const found = await queue.redrive(wanted, { ...ref, dryRun: true });
  const missing = ids.filter((id) => !found.includes(id));
  if (missing.length > 0) throw notThere(missing.join(', '), ref);
  if (dryRun) return tell(found, global);
  const question = `Redrive ${found.length} of ${ref.service}?`;
  if (found.length > 0 && !(await confirm(question, yes))) throw declined();
  tell(found.length > 0 ? await queue.redrive(found, ref) : [], global);
}

function tell(ids: readonly string[], { json }: GlobalOptions): void {
  if (json) return printJson(ids);
  for (const id of ids) print(plain(id));
  if (ids.length === 0) note('none');
}

async function drain({ queue, ref, options, global }: QueueTarget): Promise<void> {
  const { delayed = false, dryRun = false, yes = false } = options;
  const count = await queue.drain({ ...ref, delayed, dryRun: true });
  if (!dryRun && count > 0 && !(await confirm(`Remove ${count} jobs of ${ref.service}?`, yes)))
    throw declined();
  const done = dryRun ? count : await queue.drain({ ...ref, delayed, onProgress: tellProgress });
  if (global.json) return printJson({ removed: done, dryRun });
  note(dryRun ? `${done} jobs would be removed` : `${done} jobs are removed`);
}

async function clean({ queue, ref, options, global }: QueueTarget, word: string): Promise<void> {
  const state = parseChoice('state', word, STATES);
  const { before: olderThanMs = 0, dryRun = false, yes = false, pattern, text } = options;
  const where = { ...ref, olderThanMs, ...(pattern && { pattern }), ...(text && { text }) };
  const limit = Number.MAX_SAFE_INTEGER;
  const { ids } = await queue.clean(state, { ...where, limit, dryRun: true });
  if (dryRun || ids.length === 0) return tell(ids, global);
  if (!(await confirm(`Remove ${ids.length} ${state} jobs of ${ref.service}?`, yes))) throw declined();
  tell((await queue.clean(state, { ...where, limit, onProgress: tellProgress })).ids, global);
}

async function obliterate({ queue, ref, options, global }: QueueTarget): Promise<void> {
  const { force = false, dryRun = false, yes = false } = options;
  const found = await queue.obliterate({ ...ref, force, dryRun: true });
  if (dryRun) return printJson(found);
  const question = `Remove the queue "${ref.queue}" of ${ref.service} with everything in it?`;
  if (!(await confirm(question, yes))) throw declined();
  const gone = await queue.obliterate({ ...ref, force });
  if (global.json) return printJson(gone);
  note(`the queue "${ref.queue}" of ${ref.service} is empty`);
}

/** Every ten thousand: a person sees that it continues. */
function tellProgress(done: number): void {
  if (done % 10_000 === 0) note(`${done} so far`);
}

async function remove(target: QueueTarget, text: string): Promise<void> {
  const { queue, ref, options } = target;
  const id = await jobNamed(target, text);
  if (!(await queue.get(id, ref))) throw notThere(id, ref);
  if (!(await confirm(`Remove ${plain(id)} from ${ref.service}?`, options.yes ?? false))) throw declined();
  if (!(await queue.remove(id, ref))) {
    throw new CommandFailure(ExitCode.refused, `"${id}" cannot be removed now: a worker has it`);
  }
  note(`${plain(id)} is removed`);
}

async function promote(target: QueueTarget, text: string): Promise<void> {
  const { queue, ref } = target;
  const id = await jobNamed(target, text);
  if (!(await queue.promote(id, ref))) throw notThere(id, ref);
  note(`${plain(id)} is due`);
}

async function cancel(target: QueueTarget, text: string | undefined): Promise<void> {
  const { queue, ref, options, global } = target;
  const { pattern, reason = 'cancelled', dryRun = false, yes = false } = options;
  if ((pattern === undefined) === (text === undefined)) {
    throw new CommandFailure(ExitCode.usage, 'name one job, or say --pattern');
  }
  if (pattern !== undefined) {
    if (!dryRun && !(await confirm(`Cancel all "${plain(pattern)}" of ${ref.service}?`, yes)))
      throw declined();
    return tell(await cancelAll(target, { pattern, reason, dryRun }), global);
  }
  const id = await jobNamed(target, text!);
  if (!(await queue.get(id, ref))) throw notThere(id, ref);
  if (dryRun) return tell([id], global);
  if (!(await confirm(`Cancel ${plain(id)} of ${ref.service}?`, yes))) throw declined();
  const outcome = await queue.cancel(id, { ...ref, reason });
  if (outcome === 'missing') throw notThere(id, ref);
  if (outcome !== 'cancelled')
    throw new CommandFailure(ExitCode.refused, `"${id}" ${NOT_CANCELLED[outcome]}`);
  note(`${plain(id)} is cancelled`);
}

const NOT_CANCELLED = {
  ended: 'is over already',
  foreign: 'is run by a Hydra 1.x worker, which cannot be told',
} as const;

async function cancelAll(
  { queue, ref }: QueueTarget,
  where: { readonly pattern: string; readonly reason: string; readonly dryRun: boolean },
): Promise<string[]> {
  const ids: string[] = [];
  // What is only looked at stays: it is not gone through part by part.
  const limit = where.dryRun ? Number.MAX_SAFE_INTEGER : 1_000;
  for (let hasMore = true; hasMore;) {
    const some = await queue.cancelWhere({ ...ref, ...where, limit });
    ids.push(...some.ids);
    hasMore = some.hasMore;
  }
  return ids;
}

async function release(target: QueueTarget, text: string): Promise<void> {
  const { queue, ref, options } = target;
  const id = await jobNamed(target, text);
  const question = `Is the Hydra 1.x worker that has ${plain(id)} dead? While it lives, the job runs twice.`;
  if (!(await confirm(question, options.yes ?? false))) throw declined();
  if (!(await queue.release(id, ref))) {
    throw new CommandFailure(ExitCode.notFound, `no Hydra 1.x worker has "${plain(id)}"`);
  }
  note(`${plain(id)} waits again`);
}

async function pause({ queue, ref }: QueueTarget): Promise<void> {
  await queue.pause(ref);
  note(`${ref.service} takes no more jobs from "${ref.queue}"; those that run continue`);
  if (ref.queue === DEFAULT_QUEUE) note('Hydra 1.x workers do not know the pause and continue to take jobs');
}

async function resume({ queue, ref }: QueueTarget): Promise<void> {
  await queue.resume(ref);
  note(`${ref.service} takes jobs from "${ref.queue}"`);
}

/**
 * The id for a text. The beginning of an id is searched for among the first jobs of each state; any other text is
 * returned unchanged.
 */
async function jobNamed({ queue, ref }: QueueTarget, text: string): Promise<string> {
  if (!isShortId(text) || (await queue.get(text, ref))) return text;
  const pages = await Promise.all(STATES.map((state) => queue.list(state, { ...ref, limit: LOOKED_AT })));
  return (
    fullId(
      text,
      pages.flat().map(({ id }) => id),
    ) ?? text
  );
}

function cellsOf({ pattern, enqueuedAt, finishedAt, dueAt, attempts, error, progress }: JobView) {
  const since = (finishedAt ?? enqueuedAt)?.toISOString() ?? '-';
  const details = [
    dueAt && `due ${dueAt.toISOString()}`,
    progress !== undefined && `progress ${JSON.stringify(progress)}`,
    error,
  ];
  return [pattern, since, attempts, details.filter(Boolean).join('; ') || '-'];
}

function notThere(what: string, { service, queue }: Required<QueueRef>): CommandFailure {
  return new CommandFailure(ExitCode.notFound, `no "${what}" in the queue "${queue}" of ${service}`);
}
