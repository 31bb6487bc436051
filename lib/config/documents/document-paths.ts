/** The path of a value in a document: member names and list positions from the top. */
export type Path = readonly string[];

/** `db.hosts.0`; a name that holds a dot is put in quotes. */
export function pathText(path: Path): string {
  return path.map((name) => (name.includes('.') ? JSON.stringify(name) : name)).join('.') || '(the whole)';
}

/** The path for a text such as `db.password` or `hosts.*.key`. */
export function parsePath(text: string): Path {
  return text === '' ? [] : text.split('.');
}

/** The value at a path, or undefined. */
export function valueAt(document: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    document,
  );
}

/** A copy of a JSON value in which every leaf (all but objects and lists) is what `change` makes of it. */
export function mapLeaves(
  value: unknown,
  change: (leaf: unknown, path: Path) => unknown,
  path: Path = [],
): unknown {
  if (Array.isArray(value)) {
    return value.map((item, index) => mapLeaves(item, change, [...path, String(index)]));
  }
  if (typeof value !== 'object' || value === null) return change(value, path);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, mapLeaves(member, change, [...path, name])]),
  );
}
