import { REDACTED as HIDDEN } from '../options/secret-names.js';

const CUT = '[…]';
const MAX_DEPTH = 6;
/** The caller waits for the copy, so the number of members and of characters in it is limited. */
const MAX_MEMBERS = 1_000;
const MAX_TEXT = 16_000;

/** Takes secrets out of what is logged. */
export type Redact = (value: unknown) => unknown;

/**
 * Hides the values of members whose names end in one of these (`accessToken`, `set-cookie`), in whatever case, in objects;
 * and in texts what follows such a name and `=` or `:`, also where JSON's quotes are escaped. At any depth.
 *
 * What it gives back is fit for JSON and bounded: 1,000 members, 6 levels, 16,000 characters in all; binary data becomes its
 * length. It never changes what it was given. Throws what a getter of that throws.
 */
export function createRedaction(names: readonly string[]): Redact {
  const endings = names.map((name) => name.toLowerCase());
  const isHidden = (name: string) => endings.some((ending) => name.toLowerCase().endsWith(ending));
  const hide = textRedaction(names);
  return (value) => new Copy(isHidden, hide).of(value, 0);
}

function textRedaction(names: readonly string[]): (text: string) => string {
  if (names.length === 0) return (text) => text;
  const alternatives = names.map((name) => name.replace(/[^\w-]/g, String.raw`\$&`)).join('|');
  // To the quote that is escaped as often as the first; to the end where the text was cut off before it.
  const quoted = String.raw`(?<quote>\\*["'])[\s\S]*?(?:(?<!\\)\k<quote>|$)`;
  const inText = new RegExp(
    String.raw`((?:${alternatives})\\*["']?\s*[=:]\s*)(?:${quoted}|(?:bearer |basic )?[^\s,;&}]+)`,
    'gi',
  );
  return (text) => text.replace(inText, `$1${HIDDEN}`);
}

/** A copy of one thing: errors as text; what is too much, too deep or inside itself cut off. */
class Copy {
  private members = MAX_MEMBERS;
  private characters = MAX_TEXT;
  private readonly around = new Set<object>();

  constructor(
    private readonly isHidden: (name: string) => boolean,
    private readonly hide: (text: string) => string,
  ) {}

  of(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol')
      return this.text(String(value));
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Error)
      return this.text(typeof value.stack === 'string' ? value.stack : String(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
    if (depth >= MAX_DEPTH || this.around.has(value)) return CUT;
    this.around.add(value);
    const copy = Array.isArray(value) ? this.list(value, depth) : this.object(value, depth);
    this.around.delete(value);
    return copy;
  }

  private list(values: readonly unknown[], depth: number): unknown[] {
    const copy: unknown[] = [];
    for (let index = 0; index < values.length; index++) {
      if (this.members-- <= 0) return [...copy, CUT];
      copy.push(this.of(values[index], depth + 1));
    }
    return copy;
  }

  private object(object: object, depth: number): Record<string, unknown> {
    const copy: [string, unknown][] = [];
    for (const name of Object.keys(object)) {
      if (this.members-- <= 0) {
        copy.push(['…', CUT]);
        break;
      }
      const value: unknown = Reflect.get(object, name);
      copy.push([this.text(name), this.isHidden(name) ? HIDDEN : this.of(value, depth + 1)]);
    }
    return Object.fromEntries(copy);
  }

  private text(text: string): string {
    const seen = text.slice(0, this.characters);
    this.characters -= seen.length;
    return seen.length === text.length ? this.hide(seen) : `${this.hide(seen)}…`;
  }
}
