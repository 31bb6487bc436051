/** A parsed JSON object whose members nobody has checked yet. @publicApi */
export type JsonObject = Record<string, unknown>;

/** May spell `__proto__` in JSON text: plainly, or with one of its letters (`_ o p r t`) escaped. */
const MAY_NAME_PROTO = /__proto__|\\u00(?:5f|6f|7[024])/i;

/** True for `{…}`, false for arrays, null and everything else. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses text that should hold one JSON object. Returns undefined for anything else and never throws.
 *
 * Members named `__proto__` are removed at every depth, so that merging foreign data cannot change a prototype.
 */
export function parseObject(text: string | null | undefined): JsonObject | undefined {
  if (typeof text !== 'string') return undefined;
  const value = parse(text);
  if (!isJsonObject(value)) return undefined;
  if (MAY_NAME_PROTO.test(text)) removeProto(value);
  return value;
}

/** As {@link parseObject}, for any JSON value; undefined when the text is not JSON. */
export function parseValue(text: string): unknown {
  const value = parse(text);
  if (typeof value === 'object' && value !== null && MAY_NAME_PROTO.test(text)) removeProto(value);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Walks with its own stack: JSON nested deeper than the call stack would overflow a recursive walk. */
function removeProto(root: object): void {
  const pending: object[] = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (Object.hasOwn(node, '__proto__')) Reflect.deleteProperty(node, '__proto__');
    for (const child of Object.values(node)) {
      if (typeof child === 'object' && child !== null) pending.push(child);
    }
  }
}

/** The value when it is a string, else the empty string. */
export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The value when it is a finite number, or the number a decimal string spells; else 0. */
export function numberOf(value: unknown): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : 0;
}
