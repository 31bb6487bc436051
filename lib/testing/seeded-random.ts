import type { RandomSource } from '../runtime/random-source.js';

/** Randomness that is the same for the same seed. */
export function seededRandom(seed: number): RandomSource {
  const float = mulberry32(seed);
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => Math.floor(float() * 256)));
  return { float, bytes, uuid: () => uuidOf(bytes(16)) };
}

/** A small generator of good quality (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function uuidOf(bytes: Buffer): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
