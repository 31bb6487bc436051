const compiled = new Map<string, RegExp>();
const MAX_COMPILED = 1_000;

/** Whether a text matches a pattern of KEYS or PSUBSCRIBE: `*`, `?`, `[abc]`, `[^a-c]`, `\` before a character. */
export function matchesGlob(pattern: string, text: string): boolean {
  let expression = compiled.get(pattern);
  if (!expression) {
    expression = new RegExp(`^${translate(pattern)}$`, 's');
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(pattern, expression);
  }
  return expression.test(text);
}

function translate(pattern: string): string {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const sign = pattern[at]!;
    if (sign === '*') source += '.*';
    else if (sign === '?') source += '.';
    else if (sign === '[') {
      const [set, end] = characterSet(pattern, at + 1);
      source += set;
      at = end;
    } else if (sign === '\\' && at + 1 < pattern.length) source += literal(pattern[++at]!);
    else source += literal(sign);
  }
  return source;
}

/** The set and the place of its last character; one that is not closed ends with the pattern. */
function characterSet(pattern: string, from: number): readonly [string, number] {
  const isNegated = pattern[from] === '^';
  let at = isNegated ? from + 1 : from;
  let set = '';
  for (; at < pattern.length && pattern[at] !== ']'; at++) {
    if (pattern[at] === '\\' && at + 1 < pattern.length) set += literal(pattern[++at]!);
    else if (pattern[at + 1] === '-' && at + 2 < pattern.length) {
      const [low, high] = [pattern[at]!, pattern[at + 2]!].toSorted();
      set += `${literal(low!)}-${literal(high!)}`;
      at += 2;
    } else set += literal(pattern[at]!);
  }
  if (set === '') return [isNegated ? '.' : '(?!)', at];
  return [`[${isNegated ? '^' : ''}${set}]`, at];
}

function literal(sign: string): string {
  return sign.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
}
