/**
 * How much slower than alone this machine is. Limits of tests are those of a quiet machine, and grow with this: they stay as tight
 * as they are where nothing else runs, and what needs a processor gets its share where something does.
 */
import { atEnd } from './at-end.js';

const EVERY_MS = 250;
const SPIN_MS = 2;
const MOST = 10;

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

sample();
const timer = setInterval(sample, EVERY_MS);
timer.unref();
atEnd(() => clearInterval(timer));

/**
 * By how much this machine was slower than alone since an instant (of `performance.now()`): 1 where nothing else ran, 10 at most. It
 * knows of the processors that others took, and of an event loop of this process that was late.
 */
export function slowdownSince(from: number): number {
  sample();
  const seen = samples.filter(({ at }) => at >= from);
  const share = seen.reduce((sum, one) => sum + one.share, 0) / seen.length;
  const late = (performance.now() - from) / (seen.length * EVERY_MS);
  return Math.min(MOST, Math.max(1, share, late));
}

/** A limit of a quiet machine as it is on this one, for what began at an instant. */
export function scaled(ms: number, from: number): number {
  return ms * slowdownSince(from);
}
