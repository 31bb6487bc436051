const CRLF = '\r\n';

/** Where a value of Redis's protocol that begins at `at` ends; 0 when not all of it is there. */
export function endOfValue(buffer: Buffer, at: number): number {
  const lineEnd = buffer.indexOf(CRLF, at);
  if (lineEnd < 0) return 0;
  const next = lineEnd + CRLF.length;
  const kind = String.fromCharCode(buffer[at]!);
  if (kind !== '$' && kind !== '*') return next;
  const length = Number(buffer.toString('latin1', at + 1, lineEnd));
  if (length < 0) return next;
  if (kind === '$') return buffer.length < next + length + CRLF.length ? 0 : next + length + CRLF.length;
  let end = next;
  for (let index = 0; index < length; index++) {
    end = endOfValue(buffer, end);
    if (end === 0) return 0;
  }
  return end;
}

/** The texts of an array of texts: a command. */
export function elementsOf(command: Buffer): readonly string[] {
  const texts: string[] = [];
  let at = command.indexOf(CRLF) + CRLF.length;
  while (at < command.length) {
    const end = endOfValue(command, at);
    const from = command.indexOf(CRLF, at) + CRLF.length;
    texts.push(command.toString('utf8', from, end - CRLF.length));
    at = end;
  }
  return texts;
}
