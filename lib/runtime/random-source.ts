import { randomBytes, randomUUID } from 'node:crypto';

/**
 * Where one instance's randomness comes from: ids, jitter, the draws of balancers. The system's, unless a test or a
 * simulation gives another; so nothing else in `lib/` may ask Node for it.
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

/** As long, or up to a fifth less: what many processes do at an interval must not fall into one instant. */
export function jittered(ms: number, random: RandomSource): number {
  return Math.round(ms * (1 - random.float() / 5));
}
