import { CommandFailure, ExitCode } from '../session/command-failure.js';

/** How many characters of an id are shown at least, and how many must be typed at least. */
const SHOWN = 8;
const TYPED = 4;
/** Generated ids: the 32 hex digits of an instance, a UUID. Ids that people chose are shown whole. */
const GENERATED = /^[\da-f]{8}(?:-?[\da-f]{4}){3}-?[\da-f]{12}$/i;
const PREFIX = /^[\da-f][\da-f-]*$/i;

/** Shortens generated ids, as git does: to eight characters, or to as many as distinguish them. */
export function shortIds(ids: readonly string[]): (id: string) => string {
  const generated = [...new Set(ids)].filter((id) => GENERATED.test(id));
  let length = SHOWN;
  while (new Set(generated.map((id) => id.slice(0, length))).size < generated.length) length++;
  return (id) => (GENERATED.test(id) ? id.slice(0, length) : id);
}

/** Whether a text may be the beginning of a generated id. */
export function isShortId(text: string): boolean {
  return text.length >= TYPED && PREFIX.test(text) && !GENERATED.test(text);
}

/**
 * The id for a text: the text itself, or the only id that begins with it. Undefined when there is none.
 *
 * @throws CommandFailure when it stands for several
 */
export function fullId(text: string, ids: readonly string[]): string | undefined {
  if (ids.includes(text)) return text;
  if (!isShortId(text)) return undefined;
  const found = [...new Set(ids)].filter((id) => GENERATED.test(id) && id.startsWith(text));
  if (found.length < 2) return found[0];
  const some = found.slice(0, 5).join(', ');
  throw new CommandFailure(ExitCode.usage, `"${text}" is the beginning of ${found.length} ids: ${some}`);
}
