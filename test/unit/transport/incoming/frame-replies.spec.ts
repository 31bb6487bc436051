import { HydraError } from '../../../../lib/index.js';
import { Kind, type Item } from '../../../../lib/protocol/rpc.js';
import type { Messenger, PublishListener, PublishOutcome } from '../../../../lib/transport/wire/messenger.js';
import { FrameReplies } from '../../../../lib/transport/incoming/frame-replies.js';
import type { RemoteInstance } from '../../../../lib/transport/wire/remote-instances.js';
import { ManualClock } from '../../../support/manual-clock.js';

const MAX_BYTES = 1_048_576;

function start(granted: number) {
  const items: Item[] = [];
  const channels = new Set<string>();
  const underWay: ((outcome: PublishOutcome, isDoubtful: boolean) => void)[] = [];
  const messenger = {
    post: (name: string, item: string, listener?: PublishListener<unknown>, subject?: unknown) => {
      channels.add(name);
      items.push(JSON.parse(item) as Item);
      if (listener)
        underWay.push((outcome, isDoubtful) => listener.onPublished(outcome, subject, isDoubtful));
    },
  } as unknown as Messenger;
  const clock = new ManualClock();
  const caller = { replyChannel: 'c:r', unheard: new Map() } as unknown as RemoteInstance;
  const place = { id: 7, pattern: 'p', before: 0, timeoutMs: 60_000 };
  const replies = new FrameReplies({ messenger, clock, maxBytes: MAX_BYTES }, caller, place, granted);
  /** What left since the last look. */
  const left = () => items.splice(0);
  /** Says of the oldest ones under way what became of them. */
  const became = (...outcomes: PublishOutcome[]) => {
    for (const [n, tell] of underWay.splice(0, outcomes.length).entries()) tell(outcomes[n]!, false);
  };
  /** All are said to have had a receiver, without a proof. */
  const becameDoubtful = () => {
    for (const tell of underWay.splice(0)) tell('delivered', true);
  };
  return { replies, left, channels, became, becameDoubtful, clock, caller };
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

describe('an answer of which Redis had no receiver for a part', () => {
  const away = new HydraError('REDIS_UNAVAILABLE', 'away');
  const denied = new HydraError('FORBIDDEN', 'denied');
  const numbers = (items: Item[]) => items.map(([, , n]) => n);

  it('sends the first such value again, more and more rarely, and all others as soon as that one arrives', async () => {
    const { replies, left, became, clock, caller } = start(10_000);
    for (const value of ['a', 'b', 'c']) replies.value(value);
    became('delivered', 'no-receivers', away);
    expect([numbers(left()), replies.settledValues, caller.unheard.has(7)]).toEqual([[0, 1, 2], 1, true]);
    await clock.advance(50);
    expect(numbers(left())).toEqual([1]);
    became('no-receivers');
    await clock.advance(99);
    expect(left()).toEqual([]);
    await clock.advance(1);
    expect(numbers(left())).toEqual([1]);
    became('delivered');
    expect(numbers(left())).toEqual([2]);
    became('delivered');
    expect([replies.settledValues, caller.unheard.size, clock.timerCount]).toEqual([3, 0, 0]);
  });

  it('sends nothing that comes later before it, its end included', async () => {
    const { replies, left, became, clock } = start(10_000);
    replies.value('a');
    became('no-receivers');
    left();
    replies.value('b');
    void replies.complete(false);
    expect(left()).toEqual([]);
    await clock.advance(50);
    became('delivered');
    expect(left()).toEqual([
      [Kind.value, 7, 0, 'a', 0],
      [Kind.value, 7, 1, 'b', 0],
      [Kind.complete, 7, 2],
    ]);
  });

  it('keeps the order of parts that fail in another one', async () => {
    const { replies, left, became, clock } = start(10_000);
    for (const value of ['a', 'b', 'c']) replies.value(value);
    void replies.complete(false);
    const [a, b, c, end] = ['delivered', 'no-receivers', 'no-receivers', 'no-receivers'] as const;
    became(a, b, c, end);
    left();
    await clock.advance(50);
    became('delivered');
    expect(left()).toEqual([
      [Kind.value, 7, 1, 'b', 0],
      [Kind.value, 7, 2, 'c', 0],
      [Kind.complete, 7, 3],
    ]);
  });

  it('is given up after 5 s in which nothing arrived, and says to probes that it is not under way', async () => {
    const { replies, left, became, clock, caller } = start(10_000);
    for (const value of ['a', 'b']) replies.value(value);
    became('no-receivers', 'no-receivers');
    for (let ms = 0; ms < 4_950; ms += 50) {
      await clock.advance(50);
      became('no-receivers');
    }
    expect([replies.settledValues, caller.unheard.has(7)]).toEqual([0, true]);
    await clock.advance(900);
    left();
    expect([replies.settledValues, caller.unheard.has(7), clock.timerCount]).toEqual([2, false, 0]);
    replies.value('c');
    expect(numbers(left())).toEqual([2]);
  });

  it('is not sent again where Redis refuses it', async () => {
    const { replies, left, became, clock, caller } = start(10_000);
    replies.value('a');
    became(denied);
    left();
    await clock.advance(1_000);
    expect([left(), replies.settledValues, caller.unheard.size]).toEqual([[], 1, 0]);
  });

  it('counts values that arrive before an earlier one only when that has come, too', async () => {
    const { replies, became, left, clock } = start(10_000);
    for (const value of ['a', 'b', 'c']) replies.value(value);
    became('no-receivers', 'delivered', 'delivered');
    expect([replies.settledValues, numbers(left())]).toEqual([0, [0, 1, 2]]);
    await clock.advance(50);
    expect(numbers(left())).toEqual([0]);
    became('delivered');
    expect(replies.settledValues).toBe(3);
  });

  it('sends again what nothing proves to have been received, and keeps nothing waiting for that', async () => {
    const { replies, left, becameDoubtful, became, clock } = start(10_000);
    replies.value('a');
    becameDoubtful();
    void replies.complete(false);
    expect([numbers(left()), replies.settledValues]).toEqual([[0, 1], 0]);
    becameDoubtful();
    await clock.advance(50);
    became('delivered');
    expect([numbers(left()), replies.settledValues]).toEqual([[0, 1], 1]);
  });

  it('loses nothing for a caller that hears everything, and is counted by nobody for 5 s', async () => {
    const { replies, left, becameDoubtful, clock, caller } = start(100_000);
    const sent = new Set<unknown>();
    for (let n = 0; n < 70; n++) {
      replies.value(n);
      for (const [, , number] of left()) sent.add(number);
      becameDoubtful();
      await clock.advance(100);
    }
    for (let ms = 0; ms < 6_000; ms += 800) {
      becameDoubtful();
      await clock.advance(800);
    }
    expect([sent.size, replies.settledValues, caller.unheard.size]).toEqual([70, 70, 0]);
  });

  it('keeps of such parts no more than a caller can have let come', () => {
    const { replies, becameDoubtful } = start(10_000_000);
    const value = text(100_000);
    for (let n = 0; n < 8; n++) {
      replies.value(value);
      becameDoubtful();
    }
    expect(replies.settledValues).toBe(3);
  });

  it('has one copy of it under way at a time', async () => {
    const { replies, left, became, clock } = start(10_000);
    replies.value('a');
    became('no-receivers');
    left();
    for (let n = 0; n < 20; n++) {
      replies.value(n);
      await clock.advance(100);
    }
    expect(numbers(left())).toEqual([0]);
    became('delivered');
    expect(numbers(left())).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
  });

  it('waits for Redis as long as its caller waits', async () => {
    const { replies, left, became, clock, caller } = start(10_000);
    void replies.complete(true, 'late');
    const failAgain = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 400) {
        became(away);
        await clock.advance(400);
      }
    };
    await failAgain(58_000);
    expect(caller.unheard.has(7)).toBe(true);
    left();
    await failAgain(3_000);
    expect([caller.unheard.has(7), clock.timerCount]).toEqual([false, 0]);
  });

  it('says with an error how many values come before it', async () => {
    const { replies, left } = start(10_000);
    replies.value('a');
    await replies.error(new HydraError('TIMEOUT', 'late'));
    expect(left()[1]).toEqual([Kind.error, 7, expect.objectContaining({ code: 'TIMEOUT' }), 1]);
  });

  it('drops it when its caller does not want it any more', async () => {
    const { replies, left, became, clock, caller } = start(10_000);
    replies.value('a');
    became('no-receivers');
    left();
    replies.abandon();
    await clock.advance(1_000);
    expect([left(), caller.unheard.size, clock.timerCount]).toEqual([[], 0, 0]);
  });

  it('drops it when it is broken off', async () => {
    const { replies, left, became, clock } = start(10_000);
    replies.value('a');
    became('no-receivers');
    replies.breakOff(new HydraError('INSTANCE_LOST', 'stopped'));
    await clock.advance(50);
    expect(left().map(([kind]) => kind)).toEqual([Kind.value, Kind.error]);
  });
});
