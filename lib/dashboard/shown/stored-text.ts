import { createRedaction } from '../../logging/log-redaction.js';
import { isSecretName, REDACTED as HIDDEN, SECRET_NAMES } from '../../options/secret-names.js';
import { parseValue } from '../../protocol/json.js';

const REDACTED = `"${HIDDEN}"`;
const MAX_CHARACTERS = 200_000;
/** A text, or its beginning where it was cut off; a punctuation mark, or anything else up to the next one. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[[\]{},:]|[^\s[\]{},:"]+/gs;

const hideInText = createRedaction(SECRET_NAMES);

/** A text that is no JSON, without the secrets that it names. */
export function plainText(text: string): string {
  return String(hideInText(text));
}

/**
 * JSON as it is stored, on several lines and without secrets. It is not shown as it is parsed: numbers keep all their digits, members
 * their order, and what appears twice appears twice. What is no JSON stays as it is.
 *
 * @param name of the field that it is stored in: it may say that all of it is secret
 */
export function storedText(text: string, name = ''): string {
  if (isSecretName(name)) return HIDDEN;
  const cut = text.length > MAX_CHARACTERS;
  const shown = text.slice(0, MAX_CHARACTERS);
  if (!/^\s*[[{]/.test(shown) || parseValue(text) === undefined) return plainText(shown) + (cut ? '…' : '');
  return new Printer().print(shown.match(TOKEN) ?? []) + (cut ? '\n…' : '');
}

/** The value of a member of a JSON object, as it is stored; undefined where there is no such member, and for what is no such object. */
export function memberText(text: string, name: string): string | undefined {
  if (!/^\s*\{/.test(text) || parseValue(text) === undefined) return undefined;
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (depth === 1 && token === JSON.stringify(name) && tokens[index + 1] === ':')
      return valueFrom(tokens, index + 2);
    depth += depthOf(token);
  }
  return undefined;
}

function valueFrom(tokens: readonly string[], start: number): string {
  let [depth, end] = [0, start];
  do depth += depthOf(tokens[end++]!);
  while (depth > 0);
  return tokens.slice(start, end).join('');
}

function depthOf(token: string): number {
  if (token === '{' || token === '[') return 1;
  return token === '}' || token === ']' ? -1 : 0;
}

/** Before a number that JavaScript would read as another one. No text of a document begins so. */
const NUMBER_MARK = '\u0000number ';
const MARKED = /"\\u0000number ([^"]*)"/g;

/**
 * A JSON document on several lines, after it was changed, with the numbers of which the change leaves alone written as they are stored.
 *
 * @param change gets the document as it is parsed, with such numbers as texts of another kind
 */
export function withStoredNumbers(text: string, change: (document: unknown) => unknown): string {
  return textWithNumbers(change(markedDocument(text)), 2);
}

/** A JSON document as it is parsed, with numbers that JavaScript would read as another one as texts of another kind. */
export function markedDocument(text: string): unknown {
  const tokens = text.match(TOKEN) ?? [];
  const marked = tokens.map((token) =>
    /^[-\d]/.test(token) && String(Number(token)) !== token ? JSON.stringify(NUMBER_MARK + token) : token,
  );
  return JSON.parse(marked.join(''));
}

/** A part of a {@link markedDocument} as JSON, with its numbers as they are stored. */
export function textWithNumbers(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(MARKED, '$1');
}

/** Goes from token to token. */
class Printer {
  private readonly parts: string[] = [];
  private depth = 0;
  /** The depth of the secret that is being left out. */
  private hiddenAt: number | undefined;
  private name: string | undefined;

  print(tokens: readonly string[]): string {
    for (const [index, token] of tokens.entries()) this.add(token, tokens[index + 1], tokens[index - 1]);
    return this.parts.join('');
  }

  private add(token: string, next: string | undefined, before: string | undefined): void {
    if (this.hiddenAt !== undefined) return this.skip(token);
    if (token === ':') return void this.parts.push(': ');
    if (token === ',') return void this.parts.push(',', this.line());
    if (token === '{' || token === '[') return this.open(token, next);
    if (token === '}' || token === ']') return this.close(token, before);
    if (next === ':') return this.member(token);
    this.value(token);
  }

  private member(token: string): void {
    this.name = token;
    this.parts.push(token);
  }

  private value(token: string): void {
    const isSecret = this.isSecret();
    this.name = undefined;
    this.parts.push(isSecret ? REDACTED : token.startsWith('"') ? withoutSecrets(token) : token);
  }

  private open(token: string, next: string | undefined): void {
    if (this.isSecret()) {
      this.hiddenAt = this.depth;
      this.depth++;
      return void this.parts.push(REDACTED);
    }
    this.name = undefined;
    this.depth++;
    const isEmpty = next === '}' || next === ']';
    this.parts.push(token, isEmpty ? '' : this.line());
  }

  private close(token: string, before: string | undefined): void {
    this.depth = Math.max(0, this.depth - 1);
    this.name = undefined;
    const isEmpty = before === '{' || before === '[';
    this.parts.push(isEmpty ? '' : this.line(), token);
  }

  /** Within a secret object or list. */
  private skip(token: string): void {
    if (token === '{' || token === '[') this.depth++;
    if (token !== '}' && token !== ']') return;
    this.depth--;
    if (this.depth !== this.hiddenAt) return;
    this.hiddenAt = undefined;
    this.name = undefined;
  }

  private isSecret(): boolean {
    return this.name !== undefined && isSecretName(this.name);
  }

  private line(): string {
    return `\n${'  '.repeat(Math.min(this.depth, 50))}`;
  }
}

/** Of `"…password=abc…"`. */
function withoutSecrets(token: string): string {
  return /[=:]/.test(token) ? plainText(token) : token;
}
