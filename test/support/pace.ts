/**
 * How much slower than alone this machine is. Limits of tests are those of a quiet machine, and grow with this: they stay as tight
 * as they are where nothing else runs, and what needs a processor gets its share where something does.
 */
import { atEnd } from './at-end.js';

const EVERY_MS = 250;
const SPIN_MS = 2;
const MOST = 10;
/** Samples that are looked at, in however short a time. */
const FEWEST = 4;

interface Sample {
  readonly at: number;
  /** Time of the clock for time of a processor, of a little work. */
  readonly share: number;
}

const samples: Sample[] = [];

function sample(): void {
  const from = performance.now();
  const cpu = process.cpuUsage();
  const usedMs = () => {
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / 1_000;
  };
  while (usedMs() < SPIN_MS);
  const at = performance.now();
  samples.push({ at, share: (at - from) / usedMs() });
}

for (let n = 0; n < FEWEST; n++) sample();
const timer = setInterval(sample, EVERY_MS);
timer.unref();
atEnd(() => clearInterval(timer));

/**
 * By how much this machine was slower than alone since an instant (of `performance.now()`): 1 where nothing else ran, 10 at most. It
 * is the median of the samples since then, and of the last four at least, so that one that was interrupted decides nothing. It knows
 * of the processors that others took, and nothing of what this process did itself: an event loop that is blocked makes no limit longer.
 */
export function slowdownSince(from: number): number {
  sample();
  const since = samples.findIndex(({ at }) => at >= from);
  const seen = samples.slice(Math.max(0, Math.min(since, samples.length - FEWEST)));
  return Math.min(MOST, Math.max(1, median(seen.map(({ share }) => share))));
}

/** The lower one of the two in the middle. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)]!;
}

/** A limit of a quiet machine as it is on this one, for what began at an instant. */
export function scaled(ms: number, from: number): number {
  return ms * slowdownSince(from);
}
