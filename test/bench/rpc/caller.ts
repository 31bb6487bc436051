import { answerCommands, memoryMb } from '../support/commands.js';
import { runLoad, type Load } from '../support/load.js';
import { ownPeer } from './peer.js';

const { peer, place } = await ownPeer();
const calls = await peer.connect(place);
const STREAMED = 1_000;
/** Long enough for all calls to have arrived, shorter than their handler takes. */
const HOLD_MS = 1_000;

/** One call, which returns the id that its answer carries. */
type Operation = (id: number) => Promise<number>;

const operations: Readonly<Record<string, (bytes: number) => Operation>> = {
  sum: () => async (id) => (await calls.sum([id, 1, 2, 3, 4])) - 10,
  echo: (bytes) => {
    const text = 'x'.repeat(bytes);
    return async (id) => {
      const body = await calls.echo({ id, text });
      return body.text.length === bytes ? body.id : NaN;
    };
  },
  count: () => async (id) => ((await calls.count!(STREAMED)) === (STREAMED * (STREAMED + 1)) / 2 ? id : NaN),
  work: () => async (id) => calls.work!(id),
};

export interface CallLoad extends Load {
  readonly operation: keyof typeof operations;
  readonly bytes?: number;
}

/** Makes that many calls at once, and says how much memory they hold while all of them wait. */
async function holdCalls({ count }: { count: number }): Promise<number> {
  const before = memoryMb();
  const all = Promise.all(Array.from({ length: count }, (_, id) => calls.work!(id)));
  await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
  const held = memoryMb() - before;
  await all;
  return held;
}

answerCommands({
  load: ({ operation, bytes = 0, ...load }: CallLoad) => runLoad(load, operations[operation]!(bytes)),
  holdCalls,
});
