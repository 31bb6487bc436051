/** How values are said. Everything that was not reported says so. */
export const NOT_REPORTED = 'not reported';

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

export function count(value: number | undefined): string {
  return value === undefined ? NOT_REPORTED : numbers.format(value);
}

/** Where there is little room: without a fraction from ten on. */
export function brief(value: number): string {
  return numbers.format(value < 10 ? value : Math.round(value));
}

/** `1 job`, `2 jobs` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${numbers.format(value)} ${value === 1 ? one : many}`;
}

export function bytes(value: number | undefined): string {
  return value === undefined ? NOT_REPORTED : `${numbers.format(Math.round(value / 1_048_576))} MB`;
}

export function percent(share: number | undefined): string {
  return share === undefined ? NOT_REPORTED : `${numbers.format(share * 100)} %`;
}

export function millis(ms: number | undefined): string {
  if (ms === undefined) return NOT_REPORTED;
  return ms < 1_000 ? `${numbers.format(ms)} ms` : duration(ms);
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** `3 min`, `2.5 h` */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return NOT_REPORTED;
  const [unit, name] = UNITS.find(([unitMs]) => Math.abs(ms) >= unitMs) ?? [1_000, 's'];
  return `${numbers.format(ms / unit)} ${name}`;
}

/** Dates come as texts. */
export function ago(at: string | Date | undefined, now = Date.now()): string {
  if (at === undefined) return NOT_REPORTED;
  const ms = now - new Date(at).getTime();
  if (Number.isNaN(ms)) return NOT_REPORTED;
  return ms < 0 ? `in ${duration(-ms)}` : `${duration(ms)} ago`;
}

/** Of ids that were generated: enough to tell them apart. */
export function short(id: string): string {
  return /^[\da-f]{8}(?:-?[\da-f]{4}){3}-?[\da-f]{12}$/i.test(id) ? id.slice(0, 8) : id;
}
