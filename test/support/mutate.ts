/** mulberry32: the same numbers, 0 ≤ n < 1, for the same seed on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function pick<T>(list: readonly T[], random: () => number): T {
  return list[Math.floor(random() * list.length)] as T;
}

const NASTY = [
  '__proto__',
  'constructor',
  '1e999',
  '-0',
  'null',
  '[]',
  '{}',
  '"',
  '\\',
  '\0',
  '\\ud800',
  '@',
  ':/',
];
const ODD: readonly unknown[] = [
  ...[null, true, 0, -1, 1e308, 2 ** 53, 0.5, '', 'é', '__proto__', [], {}, [[]], [[[[]]]]],
  { toString: 1, valueOf: null, constructor: { prototype: { polluted: 1 } } },
];

/** Valid JSON with other values here and there. */
function revalued(seed: string, random: () => number): string {
  const value: unknown = JSON.parse(seed, (_key, member: unknown) =>
    random() < 0.12 ? pick(ODD, random) : member,
  );
  return JSON.stringify(value) ?? 'undefined';
}

/** Text with other characters, cut, repeated or spliced; most of it no longer JSON. */
function edited(seed: string, seeds: readonly string[], random: () => number): string {
  let text = seed;
  for (let edits = Math.floor(random() * 4); edits >= 0; edits--) {
    const start = Math.floor(random() * (text.length + 1));
    const end = start + Math.floor(random() * 6);
    const patch = pick(
      [
        () => '',
        () => pick(NASTY, random),
        () => String.fromCharCode(Math.floor(random() * 65_536)),
        () => pick(seeds, random).slice(0, Math.floor(random() * 60)),
        () => text.slice(start, end).repeat(3),
      ],
      random,
    );
    text = text.slice(0, start) + patch() + text.slice(end);
  }
  return text;
}

/** A text like one of the seeds, which are JSON, but wrong in some way; sometimes bytes that are no text at all. */
export function mutate(seeds: readonly string[], random: () => number): string | Buffer {
  const seed = pick(seeds, random);
  const kind = random();
  if (kind < 0.45) return revalued(seed, random);
  if (kind < 0.95) return edited(seed, seeds, random);
  return Buffer.from(Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256)));
}
