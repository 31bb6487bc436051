import { HandOver, type Heard } from '../../../lib/redis/hand-over.js';
import { ManualClock } from '../../support/manual-clock.js';

const MARK = 'echo 1';
const heard = (text: string): Heard => ({ channel: 'c', text, isSharded: false });

function begin(canSwap = true) {
  const clock = new ManualClock();
  const given: string[] = [];
  const handOver = new HandOver({
    clock,
    mark: MARK,
    giveOut: ({ text }) => given.push(text),
    swap: () => canSwap,
  });
  const first = (...texts: string[]) => texts.forEach((text) => handOver.onFirst(heard(text)));
  const second = (...texts: string[]) => texts.forEach((text) => handOver.onSecond(heard(text)));
  return { clock, given, handOver, first, second };
}

it.each(['first', 'second'] as const)(
  'gives each message out once, in its order, when the %s is ahead',
  async (ahead) => {
    const { given, handOver, first, second } = begin();
    const hear = { first: () => first('a', 'b', MARK, 'c'), second: () => second('a', 'b', MARK, 'c', 'd') };
    hear[ahead]();
    hear[ahead === 'first' ? 'second' : 'first']();
    second('e');
    first('d', 'e');
    expect(await handOver.isSwapped).toBe(true);
    expect(given).toEqual(['a', 'b', 'c', 'd', 'e']);
  },
);

it('leaves everything with the first where the second hears no mark in time', async () => {
  const { clock, given, handOver, first, second } = begin();
  first('a', MARK, 'b');
  second('a');
  await clock.advance(2_000);
  expect(await handOver.isSwapped).toBe(false);
  first('c');
  second('b', 'c');
  expect(given).toEqual(['a', 'b', 'c']);
});

it('holds messages back for half a second at most', async () => {
  const { clock, given, handOver, first } = begin();
  await clock.advance(1_000);
  first('a', MARK, 'b');
  await clock.advance(499);
  expect(given).toEqual(['a']);
  await clock.advance(1);
  expect([given, await handOver.isSwapped]).toEqual([['a', 'b'], false]);
});

it.each(['first', 'second'] as const)('holds no more than 4 Mi of the %s', async (which) => {
  const { clock, given, handOver, ...hear } = begin();
  hear[which](MARK, ...Array.from({ length: 5 }, () => 'x'.repeat(1_024 * 1_024)));
  expect(await handOver.isSwapped).toBe(false);
  expect([given.length, clock.timerCount]).toEqual([which === 'first' ? 5 : 0, 0]);
});

it('leaves everything with the first where the second may not take its place', async () => {
  const { clock, given, handOver, first, second } = begin(false);
  second('a', MARK, 'b');
  first('a', MARK, 'b');
  expect(await handOver.isSwapped).toBe(false);
  expect(given).toEqual(['a', 'b']);
  expect(clock.timerCount).toBe(0);
});
