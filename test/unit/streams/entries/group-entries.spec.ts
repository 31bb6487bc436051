import type { Dispatch } from '../../../../lib/delivery/source.js';
import { HydraError } from '../../../../lib/hydra-error.js';
import type { Entry } from '../../../../lib/streams/entries/entry.js';
import type { EntryHandler } from '../../../../lib/streams/entries/entry-handler.js';
import { GroupEntries } from '../../../../lib/streams/entries/group-entries.js';
import { Placement } from '../../../../lib/streams/group/consumer-config.js';
import type { ConsumerGroup } from '../../../../lib/streams/group/consumer-group.js';
import { GroupStatus } from '../../../../lib/streams/group/group-status.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { entryOf, handlerOf, numbersOf } from '../../../support/stream-entries.js';

const random = { float: () => 0, uuid: () => '', bytes: () => Buffer.alloc(0) };

/** Entries in progress of a group that is not in Redis: what would be asked of it is noted, and answered from `answers`. */
function start(options: Partial<EntryHandler> = {}, isOrdered = false) {
  const clock = new ManualClock();
  const acknowledged: number[][] = [];
  const dead: number[] = [];
  const running = new Map<number, () => void>();
  const signals: AbortSignal[] = [];
  const answers = { successors: [] as Entry[], queuedByKey: 0, lost: [] as number[] };
  const group = {
    config: { stream: 'orders', group: 'mailer', isOrdered, deadLetters: { count: 10, ageMs: 10 } },
    isSurelyMine: () => true,
    beginAttempt: async () => true,
    acknowledge: async (entries: readonly Entry[]) => {
      acknowledged.push(numbersOf(entries));
      return { refused: 0, successors: answers.successors.splice(0) };
    },
    deadLetter: async (entry: Entry) => {
      dead.push(...numbersOf([entry]));
      return { refused: 0, successors: answers.successors.splice(0), dropped: 0 };
    },
    enqueueByKey: async (entries: readonly Entry[]) => ({
      placements: numbersOf(entries).map((n) => (n > 10 ? Placement.queued : Placement.first)),
      queuedByKey: answers.queuedByKey,
      others: [],
      consumers: 1,
    }),
    findLost: async (entries: readonly Entry[]) =>
      entries.filter((entry) => answers.lost.includes(numbersOf([entry])[0]!)),
  } as unknown as ConsumerGroup;
  const dispatch = {
    run: (_: unknown, { n, isBad }: { n: number; isBad?: boolean }, context: { signal: AbortSignal }) => {
      signals.push(context.signal);
      return new Promise<void>((resolve, reject) => {
        running.set(n, () => (isBad ? reject(new Error('no')) : resolve()));
      });
    },
    settled: () => undefined,
  } as unknown as Dispatch;
  const status = new GroupStatus(clock, group.config);
  const parts = { group, handlers: [handlerOf(options)], dispatch, status };
  const entries = new GroupEntries({ clock, random }, parts);
  const end = async (n: number) => {
    running.get(n)!();
    running.delete(n);
    await clock.advance(0);
  };
  return { clock, entries, acknowledged, dead, running, answers, end, signals };
}

describe('the entries in progress', () => {
  it('are in flight from their arrival until Redis has confirmed their end', async () => {
    const { clock, entries, end, running, acknowledged } = start({ concurrency: 2 });
    await entries.accept([1, 2, 3].map((n) => entryOf(n)));
    expect([entries.size, [...running.keys()]]).toEqual([3, [1, 2]]);
    await end(1);
    await clock.advance(0);
    expect([entries.size, [...running.keys()], acknowledged]).toEqual([2, [2, 3], [[1]]]);
  });

  it('take an entry once, also when it is delivered again', async () => {
    const { entries, running } = start();
    const [first, again] = [entryOf(1), entryOf(1)];
    await entries.accept([first]);
    await entries.accept([again]);
    expect([entries.size, running.size, again.state]).toEqual([1, 1, 'arrived']);
  });

  it('tell a reader that waits of capacity', async () => {
    const { clock, entries, end } = start({ concurrency: 1 });
    await entries.accept([entryOf(1)]);
    await clock.advance(20);
    expect(entries.capacity).toBe(0);
    let isFreed = false;
    void entries.capacityMayBeFreed().then(() => (isFreed = true));
    await clock.advance(1_000);
    expect(isFreed).toBe(false);
    await end(1);
    await clock.advance(0);
    expect([isFreed, entries.capacity]).toEqual([true, 1]);
  });

  it('run the first of each key, and its successor once it was acknowledged', async () => {
    const { clock, entries, answers, end, running } = start({ keyOf: () => 'k' }, true);
    await entries.accept([entryOf(1), entryOf(11)]);
    await clock.advance(0);
    expect([entries.size, [...running.keys()]]).toEqual([1, [1]]);
    answers.successors = [entryOf(11)];
    await end(1);
    await clock.advance(0);
    expect([entries.size, [...running.keys()]]).toEqual([1, [11]]);
  });

  it('let no more be read while a thousand wait behind others, but one after a moment', async () => {
    const { clock, entries, answers } = start({ keyOf: () => 'k' }, true);
    answers.queuedByKey = 1_000;
    await entries.accept([entryOf(11)]);
    expect(entries.capacity).toBe(0);
    let isFreed = false;
    void entries.capacityMayBeFreed().then(() => (isFreed = true));
    await clock.advance(50);
    expect([isFreed, entries.capacity]).toEqual([true, 1]);
  });

  it('become dead letters when no attempt is left, and let their successors run', async () => {
    const { clock, entries, answers, end, dead, running } = start({ attempts: 1 });
    answers.successors = [entryOf(7)];
    const bad = entryOf(1, { isBad: true });
    await entries.accept([bad]);
    await end(1);
    await clock.advance(0);
    expect([dead, bad.state, [...running.keys()]]).toEqual([[1], 'gone', [7]]);
  });

  it('are lost when others have claimed them: their signals abort, and their outcomes count for nothing', async () => {
    const { clock, entries, answers, end, acknowledged, signals } = start();
    const [first, second] = [entryOf(1), entryOf(2)];
    await entries.accept([first, second]);
    answers.lost = [1];
    await entries.loseWhatOthersHave();
    expect([first.state, second.state]).toEqual(['lost', 'running']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    await end(1);
    await end(2);
    await clock.advance(0);
    expect([acknowledged, entries.size, first.state]).toEqual([[[2]], 0, 'gone']);
  });

  it('end what runs, leave the rest to others, and begin nothing, once they are closed', async () => {
    const { clock, entries, end, running, acknowledged, signals } = start({ concurrency: 1 });
    await entries.accept([1, 2].map((n) => entryOf(n)));
    entries.close();
    await entries.accept([entryOf(3)]);
    let haveEnded = false;
    void entries.handlersEnded().then(() => (haveEnded = true));
    await clock.advance(0);
    expect([haveEnded, [...running.keys()]]).toEqual([false, [1]]);
    entries.abort(new HydraError('DRAINING', 'it stops'));
    expect(signals[0]!.aborted).toBe(true);
    await end(1);
    await entries.allAcknowledged();
    expect([haveEnded, acknowledged, numbersOf(entries.unbegun).toSorted((a, b) => a - b)]).toEqual([
      true,
      [[1]],
      [2, 3],
    ]);
  });
});
