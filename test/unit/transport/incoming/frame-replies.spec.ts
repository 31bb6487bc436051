import { HydraError } from '../../../../lib/index.js';
import { systemClock } from '../../../../lib/runtime/clock.js';
import { Kind, type Item } from '../../../../lib/protocol/rpc.js';
import type { Messenger } from '../../../../lib/transport/wire/messenger.js';
import { FrameReplies } from '../../../../lib/transport/incoming/frame-replies.js';
import type { RemoteInstance } from '../../../../lib/transport/wire/remote-instances.js';

const MAX_BYTES = 1_048_576;

function start(granted: number) {
  const items: Item[] = [];
  const channels = new Set<string>();
  const messenger = {
    post: (name: string, item: string) => {
      channels.add(name);
      items.push(JSON.parse(item) as Item);
    },
  } as unknown as Messenger;
  const caller = { replyChannel: 'c:r', unheard: new Set() } as unknown as RemoteInstance;
  const place = { id: 7, pattern: 'p', before: 0 };
  const replies = new FrameReplies(
    { messenger, clock: systemClock, maxBytes: MAX_BYTES },
    caller,
    place,
    granted,
  );
  /** What left since the last look. */
  const left = () => items.splice(0);
  return { replies, left, channels };
}

const text = (bytes: number) => 'x'.repeat(bytes);

describe('an answer to one of our own instances', () => {
  it('numbers its values, and says with its completion how many there were', () => {
    const { replies, left, channels } = start(10_000);
    replies.value('a');
    replies.value('b');
    expect(replies.complete(true, 'c')).toBeUndefined();
    expect(left()).toEqual([
      [Kind.value, 7, 0, 'a', 0],
      [Kind.value, 7, 1, 'b', 0],
      [Kind.complete, 7, 2, 'c'],
    ]);
    expect([...channels]).toEqual(['c:r']);
  });

  it('tells now and then how many bytes it has sent', () => {
    const { replies, left } = start(10_000);
    const value = text(200);
    for (let n = 0; n < 4; n++) replies.value(value);
    const bytes = JSON.stringify([Kind.value, 7, 0, value, 0]).length;
    expect(left().map(([, , , , , sent]) => sent)).toEqual([undefined, undefined, bytes * 3, undefined]);
  });

  it('counts bytes, not characters', () => {
    const { replies, left } = start(1_024);
    replies.value('€'.repeat(300));
    expect(replies.hasRoom).toBe(true);
    replies.value('€'.repeat(50));
    expect(replies.hasRoom).toBe(false);
    expect(left().map(([kind]) => kind)).toEqual([Kind.value, Kind.ask]);
  });

  it('that is larger than what it may send waits until that is granted', async () => {
    const { replies, left } = start(1_024);
    let hasLeft = false;
    const leaving = Promise.resolve(replies.complete(true, text(2_000))).then(() => (hasLeft = true));
    const bytes = JSON.stringify([Kind.complete, 7, 0, text(2_000)]).length;
    expect(left()).toEqual([[Kind.ask, 7, bytes]]);
    replies.grant(bytes - 1);
    await Promise.resolve();
    expect([hasLeft, left()]).toEqual([false, []]);
    replies.remind();
    expect(left()).toEqual([[Kind.ask, 7, bytes]]);
    replies.grant(bytes);
    await leaving;
    expect(left()).toEqual([[Kind.complete, 7, 0, text(2_000)]]);
  });

  it('keeps its order while it waits, asks for one value after another, and has small last words for nothing', async () => {
    const { replies, left } = start(1_024);
    replies.value(text(600));
    const [first] = left();
    expect(first).toHaveLength(6);
    replies.value(text(700));
    replies.value(text(800));
    const leaving = replies.complete(false);
    const [ask] = left();
    expect(ask![0]).toBe(Kind.ask);
    replies.grant(ask![2] as number);
    const [second, again, ...others] = left();
    expect([second![0], second![2], second![5], again![0], others]).toEqual([2, 1, ask![2], Kind.ask, []]);
    replies.grant(again![2] as number);
    await leaving;
    expect(left().map(([kind, , n]) => [kind, n])).toEqual([
      [Kind.value, 2],
      [Kind.complete, 3],
    ]);
  });

  it('takes the largest total for the one that counts', () => {
    const { replies, left } = start(1_024);
    replies.grant(5_000);
    replies.grant(3_000);
    replies.value(text(4_000));
    expect(left().map(([kind]) => kind)).toEqual([Kind.value]);
  });

  it('that waits is broken off at once', () => {
    const { replies, left } = start(1_024);
    replies.value(text(2_000));
    left();
    replies.breakOff(new HydraError('INSTANCE_LOST', 'stopped'));
    replies.grant(10_000);
    expect(left()).toMatchObject([[Kind.error, 7, { code: 'INSTANCE_LOST' }]]);
  });

  it('that is a refusal needs no room', () => {
    const { replies, left } = start(1_024);
    replies.refuse(new HydraError('DRAINING', text(5_000)));
    expect(left()).toMatchObject([[Kind.refusal, 7, { code: 'DRAINING' }]]);
  });
});
