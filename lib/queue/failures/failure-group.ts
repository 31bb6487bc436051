const MAX_CHARACTERS = 200;

/** What differs from failure to failure of one kind, and what stands in its place. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, '<id>'],
  [/"[^"\n]*"/g, '"…"'],
  [/(?<!\w)'[^'\n]*'(?!\w)/g, "'…'"],
  [/\b(?=[a-z]*\d)[\da-f]{8,}\b/gi, '<id>'],
  [/(?<![a-z])\d+(?:\.\d+)*/gi, '<n>'],
];

/**
 * The group that the reason of a failure belongs to: its first line, with `<n>` for numbers, `<id>` for ids and `"…"` for what is
 * in quotes. So `no user 17` and `no user 18` are one group.
 */
export function failureGroup(reason: string): string {
  const [line = ''] = reason.slice(0, 4 * MAX_CHARACTERS).split('\n', 1);
  const general = VARIABLE.reduce((text, [pattern, stand]) => text.replaceAll(pattern, stand), line.trim());
  return general.slice(0, MAX_CHARACTERS);
}
