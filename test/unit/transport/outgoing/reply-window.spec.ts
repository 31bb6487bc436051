import { systemClock } from '../../../../lib/runtime/clock.js';
import {
  ReplyWindow,
  type CreditedCall,
  type ReplyCredit,
} from '../../../../lib/transport/outgoing/reply-window.js';

const KB = 1_024;
const WINDOW = 4 * KB * KB;
const HALF = WINDOW / 2;

let lastId = 0;

class Answer implements CreditedCall {
  readonly id = ++lastId;
  credit!: ReplyCredit<Answer>;
  received = 0;
  readonly grants: number[] = [];
}

function start(bytes = WINDOW) {
  const window = new ReplyWindow<Answer>(systemClock, bytes, (call, granted) => call.grants.push(granted));
  const open = (count: number) =>
    Array.from({ length: count }, () => {
      const answer = new Answer();
      answer.credit = window.open(answer);
      return answer;
    });
  return { window, open };
}

const sharesOf = (answers: readonly Answer[]) => answers.map(({ credit }) => credit.share);

describe('the window for answers', () => {
  it('gives the first calls the whole share, later ones less and less, and every one enough for a small answer', () => {
    const { open } = start();
    const shares = sharesOf(open(2_000));
    expect(shares.slice(0, 32)).toEqual(Array.from({ length: 32 }, () => 32 * KB));
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(shares.at(-1)).toBe(KB);
    const unasked = shares.filter((share) => share > KB).reduce((sum, share) => sum + share, 0);
    expect(unasked).toBeLessThanOrEqual(HALF);
  });

  it('has all of it back when the calls are over', () => {
    const { window, open } = start();
    const answers = open(500);
    for (const answer of answers) window.ask(answer.credit, 900 * KB);
    for (const answer of answers) window.close(answer.credit, true);
    for (const answer of answers) window.close(answer.credit, true);
    const [next] = open(1) as [Answer];
    window.ask(next.credit, next.credit.share + HALF);
    expect([next.credit.share, next.grants]).toEqual([32 * KB, [32 * KB + HALF]]);
  });

  it('grants what is asked for in the order in which it is, and never more than half at once', () => {
    const { window, open } = start();
    const answers = open(4);
    for (const answer of answers) window.ask(answer.credit, 900 * KB);
    expect(answers.map(({ grants }) => grants)).toEqual([[900 * KB], [900 * KB], [], []]);
    window.close(answers[1]!.credit, true);
    expect(answers.map(({ grants }) => grants.length)).toEqual([1, 1, 1, 0]);
    window.close(answers[3]!.credit, true);
    window.close(answers[0]!.credit, true);
    expect(answers.map(({ grants }) => grants.length)).toEqual([1, 1, 1, 0]);
  });

  it('lets nobody who wants little past one that wants much', () => {
    const { window, open } = start();
    const [first, large, small] = open(3) as [Answer, Answer, Answer];
    window.ask(first.credit, 1_500 * KB);
    window.ask(large.credit, 1_500 * KB);
    window.ask(small.credit, 40 * KB);
    expect([large.grants, small.grants]).toEqual([[], []]);
    window.close(first.credit, true);
    expect([large.grants, small.grants]).toEqual([[1_500 * KB], [40 * KB]]);
  });

  it('lets an answer that is larger than all of it go alone', () => {
    const { window, open } = start();
    const [small, huge, next] = open(3) as [Answer, Answer, Answer];
    window.ask(small.credit, 40 * KB);
    window.ask(huge.credit, 50 * KB * KB);
    window.ask(next.credit, 40 * KB);
    expect([huge.grants, next.grants]).toEqual([[], []]);
    window.close(small.credit, true);
    expect([huge.grants, next.grants]).toEqual([[50 * KB * KB], []]);
    window.close(huge.credit, true);
    expect(next.grants).toEqual([40 * KB]);
  });

  it('renews the share of a stream as its values are taken, and says the total', () => {
    const { window, open } = start();
    const [answer] = open(1) as [Answer];
    window.take(answer.credit, 10 * KB);
    expect(answer.grants).toEqual([]);
    window.take(answer.credit, 20 * KB);
    window.take(answer.credit, 20 * KB);
    expect(answer.grants).toEqual([52 * KB]);
    window.take(answer.credit, 37 * KB);
    expect(answer.grants).toEqual([52 * KB, 69 * KB]);
  });

  it('takes what was granted for the asking back as soon as it is taken', () => {
    const { window, open } = start();
    const [stream, other] = open(2) as [Answer, Answer];
    window.ask(stream.credit, 1_800 * KB);
    window.ask(other.credit, 1_800 * KB);
    expect(other.grants).toEqual([]);
    window.take(stream.credit, 1_800 * KB);
    expect(other.grants).toEqual([1_800 * KB]);
    expect(stream.grants).toEqual([1_800 * KB, 1_832 * KB]);
  });

  it('grants a stream no more while what it asked for last is not taken, and others meanwhile', () => {
    const { window, open } = start();
    const [slow, other] = open(2) as [Answer, Answer];
    window.ask(slow.credit, 100 * KB);
    window.ask(slow.credit, 200 * KB);
    window.ask(other.credit, 300 * KB);
    expect([slow.grants, other.grants]).toEqual([[100 * KB], [300 * KB]]);
    window.take(slow.credit, 50 * KB);
    expect(slow.grants).toEqual([100 * KB]);
    window.take(slow.credit, 100 * KB);
    expect(slow.grants.at(-1)).toBe(200 * KB);
  });

  it('tells an answer that asks again what it has been granted, should that have got lost', () => {
    const { window, open } = start();
    const [answer] = open(1) as [Answer];
    window.ask(answer.credit, 100 * KB);
    window.ask(answer.credit, 100 * KB);
    expect(answer.grants).toEqual([100 * KB, 100 * KB]);
  });

  it('lets the share of a stream that keeps asking grow, while half of all shares is left', () => {
    const { window, open } = start();
    const streams = open(8);
    for (const stream of streams) {
      stream.received = 1;
      for (let sent = 64 * KB; sent <= 640 * KB; sent += 64 * KB) {
        window.ask(stream.credit, stream.credit.told > 0 ? stream.credit.granted + 64 * KB : 64 * KB);
        window.take(stream.credit, stream.credit.granted);
      }
    }
    expect(streams[0]!.credit.share).toBe(256 * KB);
    const all = sharesOf(streams).reduce((sum, share) => sum + share, 0);
    expect(all).toBeLessThanOrEqual(HALF / 2);
    expect(sharesOf(open(1))).toEqual([32 * KB]);
  });

  it('lets no share grow beyond 256 KiB, whatever it began with', () => {
    const { window, open } = start();
    const others = open(40);
    const [stream] = open(1) as [Answer];
    expect(stream.credit.share).toBeLessThan(32 * KB);
    for (const other of others) window.close(other.credit, true);
    stream.received = 1;
    for (let round = 0; round < 8; round++) {
      window.ask(stream.credit, stream.credit.granted + 64 * KB);
      window.take(stream.credit, stream.credit.granted);
    }
    expect(stream.credit.share).toBe(256 * KB);
  });

  it('believes no answer that says it sent more than it was granted', () => {
    const { window, open } = start();
    const [answer] = open(1) as [Answer];
    window.take(answer.credit, Number.MAX_SAFE_INTEGER);
    expect(answer.grants).toEqual([64 * KB]);
  });

  it('counts what was granted to a call that gave up until its instance has sent the last of it', () => {
    const { window, open } = start();
    const [late, quiet, next] = open(3) as [Answer, Answer, Answer];
    window.ask(late.credit, 1_800 * KB);
    window.ask(next.credit, 1_800 * KB);
    expect(window.close(quiet.credit, false)).toBe(false);
    expect(window.close(late.credit, false)).toBe(true);
    expect(next.grants).toEqual([]);
    window.settled('x');
    window.settled([quiet.id, {}]);
    expect(next.grants).toEqual([]);
    window.settled([quiet.id, late.id]);
    window.settled([late.id]);
    expect(next.grants).toEqual([1_800 * KB]);
    window.stop();
  });

  it('hears nothing of a call that is over', () => {
    const { window, open } = start();
    const [answer] = open(1) as [Answer];
    window.close(answer.credit, true);
    window.take(answer.credit, 20 * KB);
    expect([answer.grants, answer.credit.share]).toEqual([[], 0]);
  });
});
