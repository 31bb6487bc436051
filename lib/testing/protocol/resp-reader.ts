const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const MAX_ARGUMENTS = 1_048_576;
const MAX_BULK_BYTES = 536_870_912;
const MAX_INLINE_BYTES = 65_536;

/** The peer does not speak RESP; Redis answers with this and ends the connection. */
export class ProtocolError extends Error {}

/** What is known of a command that has not arrived as a whole. */
interface Unfinished {
  readonly args: string[];
  readonly count: number;
}

/** Cuts what arrives into commands, each with its arguments as bytes (Latin-1). */
export class RespReader {
  private chunks: Buffer[] = [];
  private length = 0;
  private rest: Buffer = Buffer.alloc(0);
  private at = 0;
  /** Below so many bytes it is known that nothing more can be read. */
  private needed = 0;
  private unfinished: Unfinished | undefined;

  feed(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** The next command; undefined when it has not arrived as a whole. An empty line is an empty command. */
  next(): readonly string[] | undefined {
    if (this.chunks.length > 0) {
      if (this.length < this.needed) return undefined;
      this.join();
    }
    const command = this.unfinished ? this.arguments(this.unfinished) : this.command();
    if (command) this.needed = 0;
    return command;
  }

  private join(): void {
    const rest = this.rest.subarray(this.at);
    this.rest =
      rest.length === 0 && this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat([rest, ...this.chunks]);
    this.chunks = [];
    this.at = 0;
    this.length = this.rest.length;
  }

  private command(): readonly string[] | undefined {
    if (this.at >= this.rest.length) return this.wait(1);
    if (this.rest[this.at] !== STAR) return this.inline();
    const line = this.line('too big mbulk count string');
    if (line === undefined) return undefined;
    const count = Number(line.slice(1));
    if (!Number.isInteger(count) || count > MAX_ARGUMENTS)
      throw new ProtocolError('invalid multibulk length');
    if (count <= 0) return [];
    return this.arguments({ args: [], count });
  }

  private arguments(unfinished: Unfinished): readonly string[] | undefined {
    const { args, count } = unfinished;
    this.unfinished = unfinished;
    while (args.length < count) {
      const argument = this.bulk();
      if (argument === undefined) return undefined;
      args.push(argument);
    }
    this.unfinished = undefined;
    return args;
  }

  private bulk(): string | undefined {
    const start = this.at;
    const line = this.line('too big bulk count string');
    if (line === undefined) return undefined;
    if (line.charCodeAt(0) !== DOLLAR) throw new ProtocolError(`expected '$', got '${line[0] ?? ''}'`);
    const length = Number(line.slice(1));
    if (line.length === 1 || !Number.isInteger(length) || length < 0 || length > MAX_BULK_BYTES) {
      throw new ProtocolError('invalid bulk length');
    }
    const end = this.at + length;
    if (this.rest.length < end + 2) {
      this.at = start;
      return this.wait(end + 2 - start);
    }
    const text = this.rest.toString('latin1', this.at, end);
    this.at = end + 2;
    return text;
  }

  private inline(): readonly string[] | undefined {
    const line = this.line('too big inline request');
    return line === undefined ? undefined : splitWords(line);
  }

  private line(tooBig: string): string | undefined {
    const end = this.rest.indexOf(LF, this.at);
    if (end < 0) {
      if (this.rest.length - this.at > MAX_INLINE_BYTES) throw new ProtocolError(tooBig);
      return this.wait(this.rest.length - this.at + 1);
    }
    const text = this.rest.toString('latin1', this.at, this.rest[end - 1] === CR ? end - 1 : end);
    this.at = end + 1;
    return text;
  }

  private wait(bytes: number): undefined {
    this.needed = bytes;
    this.length = this.rest.length - this.at;
    return undefined;
  }
}

const WORD = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(\S+)/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\u0007' };

function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const [, double, single, plain] of line.matchAll(WORD)) {
    if (double !== undefined) words.push(unescape(double));
    else words.push(single ?? plain ?? '');
  }
  return words;
}

function unescape(text: string): string {
  return text.replace(/\\(x[\da-f]{2}|.)/gi, (_, code: string) =>
    code.length === 3 ? String.fromCharCode(parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
  );
}
