/** Milliseconds or microseconds since 1970, and ids of entries: two servers never have the same. */
const TIME = /(?<!\d)1[6-9]\d{11}(\d{3})?(-\d+)?(?!\d)/g;

/**
 * What two servers answer, without what differs between any two: the time, and the order of a JSON object's fields, which is
 * that of Lua's tables.
 */
export function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'number') return value > 1.5e12 ? 'time' : value;
  if (typeof value === 'string') return comparableText(value);
  return typeof value === 'object' && value !== null ? withSortedFields(value) : value;
}

function comparableText(text: string): string {
  const parsed = /^[[{"]/.test(text) ? jsonOf(text) : undefined;
  return parsed === undefined ? text.replace(TIME, 'time') : JSON.stringify(comparable(parsed));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withSortedFields(value: object): object {
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, comparable(field)]));
}
