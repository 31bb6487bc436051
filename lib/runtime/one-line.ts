/** Everything that breaks a line, moves the cursor, reverses the direction of reading or is not seen; and halves of characters. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A text from outside as a part of one log line: it must not look like another line.
 *
 * @param maxCharacters of the text, before what cannot be seen is written in words; all of it where it is left out
 */
export function oneLine(text: string, maxCharacters = Infinity): string {
  const line = text.slice(0, maxCharacters).replace(UNSEEN, (char) => NAMED[char] ?? escaped(char));
  return text.length > maxCharacters ? `${line}…` : line;
}

function escaped(char: string): string {
  const code = char.codePointAt(0)!.toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
