import { describe, expect, it } from '@jest/globals';
import { decodeAddress, encodeAddress } from '../../../lib/protocol/address.js';
import { decodeJob, isCanonical } from '../../../lib/protocol/job.js';
import { decodeMessage, encodeMessage, patternOf, replyTo } from '../../../lib/protocol/message.js';
import { decodeHealth, decodeLogEntry, decodeNode, decodeService } from '../../../lib/protocol/records.js';
import { vectors } from './vectors.js';

const ROUNDS = 20_000;
const SEED = 20_240_607;
const NASTY = [
  '__proto__',
  '\\u005f_proto__',
  'constructor',
  '1e999',
  '-0',
  'null',
  '[]',
  '{}',
  '\\ud800',
  '\0',
  '"',
];

/** mulberry32: the same numbers, 0 ≤ n < 1, for the same seed on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Every string anywhere in the recorded data. */
function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

const seeds = ['address', 'message', 'received', 'records', 'queue', 'reply'].flatMap((name) =>
  stringsIn(vectors<unknown>(name)),
);

const records = seeds.filter((seed) => isCanonical(seed) && seed.startsWith('{'));

/** Values no reader asked for, at places where it looks. */
const ODD: unknown[] = [null, true, 0, -1, 1e308, '', 'é', [], {}, [[]], { a: { b: null } }, { toString: 1 }];

function pickFrom<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

/** Valid JSON with other values. */
function revalued(random: () => number): string {
  const value: unknown = JSON.parse(pickFrom(records, random), (_key, member: unknown) =>
    random() < 0.1 ? pickFrom(ODD, random) : member,
  );
  return JSON.stringify(value);
}

/** Text with other characters, most of it no longer JSON. */
function edited(random: () => number): string {
  let text = pickFrom(seeds, random);
  for (let edits = Math.floor(random() * 4); edits >= 0; edits--) {
    const start = Math.floor(random() * (text.length + 1));
    const end = start + Math.floor(random() * 4);
    const patch = [
      () => '',
      () => pickFrom(NASTY, random),
      () => String.fromCharCode(Math.floor(random() * 65_536)),
      () => pickFrom(seeds, random).slice(0, Math.floor(random() * 40)),
      () => text.slice(start, end).repeat(3),
    ];
    text = text.slice(0, start) + pickFrom(patch, random)() + text.slice(end);
  }
  return text;
}

function readEverything(text: string): void {
  const address = decodeAddress(text);
  if (address) expect(decodeAddress(encodeAddress(address))).toEqual(address);
  decodeService(text);
  decodeNode(text);
  decodeHealth(text);
  decodeLogEntry(text);
  decodeJob(text);
  isCanonical(text);
  const message = decodeMessage(text);
  if (message === undefined) return;
  patternOf(message);
  replyTo(message, { from: 'a:/' }, { mid: 'm', timestamp: 't' });
  const wire = encodeMessage(message);
  expect(isCanonical(wire)).toBe(true);
  expect(encodeMessage(decodeMessage(wire) ?? message)).toBe(wire);
}

describe("a stranger's bytes", () => {
  it(`never make a reader throw (${ROUNDS} mutations, seed ${SEED})`, () => {
    const random = randomFrom(SEED);
    for (let round = 0; round < ROUNDS; round++) {
      const text = random() < 0.5 ? revalued(random) : edited(random);
      try {
        readEverything(text);
      } catch (error) {
        throw new Error(`round ${round}: ${JSON.stringify(text)}`, { cause: error });
      }
    }
    expect({}).not.toHaveProperty('polluted');
  });
});
