/** Control, format and line characters, and halves of characters. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** A text that others wrote, so that it is one line of a log: without line breaks, terminal codes and what changes directions. */
export function oneLine(text: string, maxCharacters: number): string {
  const line = text.slice(0, 2 * maxCharacters).replaceAll(UNSEEN, ' ');
  return line.length > maxCharacters ? `${line.slice(0, maxCharacters)}…` : line;
}
