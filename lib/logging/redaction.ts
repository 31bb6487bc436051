const HIDDEN = '[redacted]';
const MAX_DEPTH = 6;

/** Takes secrets out of what is logged. */
export type Redact = (value: unknown) => unknown;

/**
 * Hides the values of members with these names, at any depth and in whatever case, in objects; and in texts what follows
 * such a name and `=` or `:`. Never throws, and never changes what it was given.
 */
export function createRedaction(names: readonly string[]): Redact {
  if (names.length === 0) return (value) => plain(value, new Set(), 0);
  const hidden = new Set(names.map((name) => name.toLowerCase()));
  const alternatives = names.map((name) => name.replace(/[^\w-]/g, String.raw`\$&`)).join('|');
  const inText = new RegExp(
    `((?:${alternatives})["']?\\s*[=:]\\s*)("[^"]*"|'[^']*'|(?:bearer |basic )?[^\\s,;&}]+)`,
    'gi',
  );
  return (value) => {
    const safe = plain(value, hidden, 0);
    return typeof safe === 'string' ? safe.replace(inText, `$1${HIDDEN}`) : safe;
  };
}

/** A copy that JSON can hold: errors as text, what is too deep or refers to itself cut off. */
function plain(value: unknown, hidden: ReadonlySet<string>, depth: number): unknown {
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol')
    return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return value.stack ?? String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (depth >= MAX_DEPTH) return '[…]';
  if (Array.isArray(value)) return value.map((member) => plain(member, hidden, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      hidden.has(name.toLowerCase()) ? HIDDEN : plain(member, hidden, depth + 1),
    ]),
  );
}
