import { Refusal } from '../http/refusal.js';
import type { Place } from '../facts/place.js';
import type { Deed, Doing } from './deed.js';
import type { Order } from './order.js';

const SHOWN = 10;
/** Entries that are given back or removed between two looks whether to go on. */
const STEP = 500;

/** What becomes of groups and dead letters of streams. */
export const STREAM_DEEDS = {
  'stream.redrive': (place, order) => ofLetters(place, order, 'redrive'),
  'stream.remove': (place, order) => ofLetters(place, order, 'remove'),
  'stream.replay': ({ instance: { streams } }, order) => {
    const [stream, group] = [order.text('stream'), order.text('group')];
    const from = order.text('from');
    const at = /^(?:new|beginning|\d+(?:-\d+)?)$/.test(from) ? from : (order.date('from') ?? from);
    const what = `have group ${group} read stream ${stream} from ${from} on`;
    return { what, now: () => streams.replay(stream, group, at) };
  },
} satisfies Record<string, Doing>;

async function ofLetters(
  { instance: { streams } }: Place,
  order: Order,
  how: 'redrive' | 'remove',
): Promise<Deed> {
  const [stream, group, id] = [order.text('stream'), order.text('group'), order.id()];
  const run = (ids: readonly string[]) =>
    how === 'redrive'
      ? streams.redrive(stream, ids, { group })
      : streams.removeDeadLetters(stream, ids, { group });
  const what = `${how} ${id === undefined ? 'all dead letters' : `dead letter ${id}`} of group ${group} of stream ${stream}`;
  if (id !== undefined) {
    return {
      what,
      now: async () => {
        if ((await run([id])) === 0)
          throw new Refusal(409, `there is no dead letter "${id}", or its entry is in flight`);
      },
    };
  }
  const { groups } = await streams.info(stream);
  const count = groups.find(({ name }) => name === group)?.deadLetters ?? 0;
  const dry = async () => {
    const first = await streams.deadLetters(stream, { group, limit: SHOWN });
    return { count, ids: first.map((letter) => letter.id) };
  };
  const work = async (progress: (done: number) => void) => {
    let done = 0;
    let after: string | undefined;
    // Those that come meanwhile are not meant, and those that stay are not tried again.
    for (let left = count; left > 0;) {
      const limit = Math.min(STEP, left);
      const some = await streams.deadLetters(stream, { group, limit, ...(after !== undefined && { after }) });
      if (some.length === 0) break;
      done += await run(some.map((letter) => letter.id));
      after = some.at(-1)!.id;
      left -= some.length;
      progress(done);
    }
    return done;
  };
  return { what, total: count, work, dry };
}
