import { randomBytes, randomUUID } from 'node:crypto';

/**
 * The randomness of one instance: ids, jitter, the draws of balancers. It is the system's, unless a test or a
 * simulation gives another one. So nothing else in `lib/` may ask Node for it.
 */
export interface RandomSource {
  /** From 0 to 1, without 1. */
  float(): number;
  /** A UUID v4. */
  uuid(): string;
  /** Fit for cryptography where it is the system's. */
  bytes(length: number): Buffer;
}

/** The randomness of this machine. */
export const systemRandom: RandomSource = {
  float: () => Math.random(),
  uuid: () => randomUUID(),
  bytes: (length) => randomBytes(length),
};

/** The interval, or up to a fifth less, so that many processes do not act at the same moment. */
export function jittered(ms: number, random: RandomSource): number {
  return Math.round(ms * (1 - random.float() / 5));
}
