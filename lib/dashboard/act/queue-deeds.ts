import type { QueueService } from '../../queue/producer/queue-service.js';
import { Refusal } from '../http/refusal.js';
import type { Place } from '../facts/place.js';
import type { Deed, Doing } from './deed.js';
import { plainText } from '../shown/stored-text.js';
import type { Order } from './order.js';
import { deadFilter } from './which-jobs.js';

/** Ids that are shown of what would be done. */
const SHOWN = 10;
const CANCELLED_AT_ONCE = 500;
const ALL = Number.MAX_SAFE_INTEGER;
const STATES = ['waiting', 'delayed', 'completed', 'dead'] as const;

/** What becomes of jobs. */
export const QUEUE_DEEDS = {
  'queue.redrive': redrive,
  'queue.remove': remove,
  'queue.cancel': cancel,
  'queue.promote': ({ instance }, order) => {
    const { ref, name, queues } = about(instance, order);
    const id = order.text('id');
    return now(`start job ${id} of ${name} without delay`, async () =>
      mustBe(await queues.promote(id, ref), `"${id}" is not delayed`),
    );
  },
  'queue.pause': ({ instance }, order) => {
    const { ref, name, queues } = about(instance, order);
    return now(`pause ${name}`, () => queues.pause(ref));
  },
  'queue.resume': ({ instance }, order) => {
    const { ref, name, queues } = about(instance, order);
    return now(`resume ${name}`, () => queues.resume(ref));
  },
  'queue.stop-repeating': ({ instance }, order) => {
    const { ref, name, queues } = about(instance, order);
    const which = order.text('name');
    return now(`end the repeating job ${which} of ${name}`, async () =>
      mustBe(await queues.stopRepeating(which, ref), `there is no repeating job "${which}"`),
    );
  },
} satisfies Record<string, Doing>;

async function redrive({ instance }: Place, order: Order): Promise<Deed> {
  const { ref, name, queues } = about(instance, order);
  const id = order.id();
  if (id !== undefined) {
    return now(`redrive dead letter ${id} of ${name}`, async () =>
      mustBe((await queues.redrive([id], ref)).length > 0, `there is no dead letter "${id}"`),
    );
  }
  const filter = await deadFilter(order, queues, ref);
  const what = `redrive dead letters of ${name}${words(filter)}`;
  const total = await totalOf(queues, ref, filter, order);
  const dry = async () => found(await queues.redrive(filter, { ...ref, dryRun: true }));
  const work = async (onProgress: (done: number) => void) =>
    (await queues.redrive(filter, { ...ref, onProgress })).length;
  return { what, total, work, dry };
}

async function remove({ instance }: Place, order: Order): Promise<Deed> {
  const { ref, name, queues } = about(instance, order);
  const id = order.id();
  if (id !== undefined) {
    return now(`remove job ${id} of ${name}`, async () =>
      mustBe(await queues.remove(id, ref), `"${id}" is not there, or it runs`),
    );
  }
  const state = order.choice('state', STATES);
  const { since, until, ...filter } = await deadFilter(order, queues, ref);
  if (since ?? until) throw new Refusal(400, 'what is removed cannot be chosen by since and until');
  const what = `remove ${state} jobs of ${name}${words(filter)}`;
  const given = { ...ref, ...filter, limit: ALL };
  const dry = async () => found((await queues.clean(state, { ...given, dryRun: true })).ids);
  const total =
    state === 'dead' ? await totalOf(queues, ref, filter, order) : order.count('total', 0, ALL) || undefined;
  const work = async (onProgress: (done: number) => void) =>
    (await queues.clean(state, { ...given, onProgress })).ids.length;
  return { what, total, work, dry };
}

function cancel({ instance }: Place, order: Order): Deed {
  const { ref, name, queues } = about(instance, order);
  const id = order.id();
  const reason = order.maybe('reason') ?? 'cancelled on the dashboard';
  if (id !== undefined) {
    return now(`cancel job ${id} of ${name}`, async () => {
      const outcome = await queues.cancel(id, { ...ref, reason });
      mustBe(outcome === 'cancelled', NOT_CANCELLED[outcome] ?? outcome);
    });
  }
  const pattern = order.text('pattern');
  const what = `cancel all "${pattern}" of ${name}`;
  const dry = async () =>
    found((await queues.cancelWhere({ ...ref, pattern, dryRun: true, limit: ALL })).ids);
  const work = async (progress: (done: number) => void) => {
    let done = 0;
    for (let hasMore = true; hasMore;) {
      const some = await queues.cancelWhere({ ...ref, pattern, reason, limit: CANCELLED_AT_ONCE });
      done += some.ids.length;
      hasMore = some.hasMore && some.ids.length > 0;
      progress(done);
    }
    return done;
  };
  return { what, total: order.count('total', 0, ALL) || undefined, work, dry };
}

const NOT_CANCELLED: Readonly<Record<string, string>> = {
  ended: 'it is over already',
  foreign: 'a Hydra 1.x worker runs it, which cannot be told',
  missing: 'there is no such job',
};

function about({ queues }: { readonly queues: QueueService }, order: Order) {
  const ref = order.queue();
  return { ref, queues, name: `${ref.service}/${ref.queue}` };
}

function now(what: string, act: () => Promise<unknown>): Deed {
  return { what, now: act };
}

/** What the dry run said, else what there is in all. */
async function totalOf(
  queues: QueueService,
  ref: { readonly service: string; readonly queue: string },
  filter: object,
  order: Order,
): Promise<number | undefined> {
  const told = order.count('total', 0, ALL);
  if (told > 0) return told;
  return Object.keys(filter).length === 0 ? (await queues.counts(ref)).dead : undefined;
}

function found(ids: readonly string[]): object {
  return { count: ids.length, ids: ids.slice(0, SHOWN) };
}

function words(filter: object): string {
  const parts = Object.entries(filter).map(([name, value]) => `${name} ${plainText(JSON.stringify(value))}`);
  return parts.length === 0 ? '' : ` with ${parts.join(' and ')}`;
}

/** @throws Refusal */
function mustBe(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Refusal(409, otherwise);
}
