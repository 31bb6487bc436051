/** An answer to INFO or CLUSTER INFO, by field. */
export type Info = Readonly<Record<string, string>>;

/** The fields of an answer to INFO or CLUSTER INFO. */
export function fieldsOf(info: string): Info {
  const lines = info.split(/\r?\n/).filter((line) => line.includes(':') && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}
