import { oneLine } from '../../runtime/one-line.js';

/** Writes what was done, and by whom. */
export type Audit = (text: string) => void;

const MAX_CHARACTERS = 1_000;

/** One line for each: names, ids and filters are as somebody posted them, and must not look like lines of others. */
export function oneLineAudit(write: Audit): Audit {
  return (text) => write(oneLine(text, MAX_CHARACTERS));
}
