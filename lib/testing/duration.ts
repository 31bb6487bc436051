import { HydraError } from '../hydra-error.js';

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const FORM = /^(\d+(?:\.\d+)?) ?(ms|s|min|h|d)$/;

/** Milliseconds, or a text with a unit: `'250 ms'`, `'10 s'`, `'5 min'`, `'3 h'`, `'2 d'`. */
export type Duration = number | string;

/** @throws HydraError `BAD_OPTION` for what is no duration */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number' && Number.isFinite(duration) && duration >= 0) return duration;
  const [, count, unit] = (typeof duration === 'string' && FORM.exec(duration)) || [];
  if (unit === undefined)
    throw new HydraError(
      'BAD_OPTION',
      `a duration is milliseconds or a text such as "10 s" or "3 h" (units: ${Object.keys(UNITS_MS).join(', ')}), got ${JSON.stringify(duration)}`,
    );
  return Number(count) * UNITS_MS[unit]!;
}
