/** A longer text is not an id, and converting millions of digits takes seconds. */
const SHAPE = /^(\d{1,20})-(\d{1,20})$/;
const LAST_SEQUENCE = 18_446_744_073_709_551_615n;

/** True for `<milliseconds>-<sequence>`, the whole id of an entry; each part fits 64 bits. */
export function isStreamId(text: string): boolean {
  const parts = SHAPE.exec(text)?.slice(1) ?? [];
  return parts.length === 2 && parts.every((part) => BigInt(part) <= LAST_SEQUENCE);
}

/** The instant in an entry's id: when Redis stored it, in milliseconds. */
export function timeOfId(id: string): number {
  return Number.parseInt(id, 10);
}

/** The id directly before another one: a group at this position gets the other one next. */
export function idBefore(id: string): string {
  const [, ms = '0', sequence = '0'] = SHAPE.exec(id) ?? [];
  if (BigInt(sequence) > 0n) return `${ms}-${BigInt(sequence) - 1n}`;
  return BigInt(ms) > 0n ? `${BigInt(ms) - 1n}-${LAST_SEQUENCE}` : '0-0';
}

/** For sorting: the earlier entry first. */
export function compareIds(a: string, b: string): number {
  const [dashA, dashB] = [a.indexOf('-'), b.indexOf('-')];
  return (
    compareDigits(a.slice(0, dashA), b.slice(0, dashB)) ||
    compareDigits(a.slice(dashA + 1), b.slice(dashB + 1))
  );
}

/** Numbers too large for a double, without leading zeros. */
function compareDigits(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
