import { isJsonObject, parseValue } from './json.js';
import { decodeMessage } from './message.js';
import { fromPayload, refuseTooLarge, stringify, toPayload } from './payload.js';

/** The content of an entry of a stream, also of a foreign one. */
export interface EntryContent {
  /** For an entry of ours what was published; for a foreign one its field map, every value a text. */
  readonly data: unknown;
  /** The type of the event; undefined without one. */
  readonly type: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export interface EntryExtras {
  readonly type?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Names and values alternate, as XADD takes them and XRANGE gives them back. */
export type EntryFields = readonly string[];

/** Says that an entry is ours, and whether its data holds bytes: without it a field named `data` is just a field. */
const MARK = 'hydra';
const [PLAIN, WITH_BYTES] = ['1', '1b'];

/** The last field of an entry that is stored again for one group. Other groups skip it. */
export const ONLY_FOR = 'hydra-for';

/** One field in place of very many: a script cannot hand on as many as an entry can have. */
const PACKED = 'hydra-fields';
/** Lua takes 8000 values at once. */
const MAX_VALUES = 4_000;

/** The fields as scripts can hand them on; {@link publishedFields} gives them back. */
export function packedFields(fields: EntryFields): EntryFields {
  return fields.length <= MAX_VALUES ? fields : [PACKED, JSON.stringify(fields)];
}

function unpackedFields(text: string): EntryFields | undefined {
  const fields = parseValue(text);
  const isWhole = Array.isArray(fields) && fields.length % 2 === 0;
  return isWhole && fields.every((one) => typeof one === 'string') ? fields : undefined;
}

/** Whether an entry is for a group: most are for all. */
export function isFor(group: string, fields: EntryFields): boolean {
  return fields.at(-2) !== ONLY_FOR || fields.at(-1) === group;
}

/** The fields as whoever published the entry gave them. */
export function publishedFields(fields: EntryFields): EntryFields {
  const published = fields.at(-2) === ONLY_FOR ? fields.slice(0, -2) : fields;
  if (published.length !== 2 || published[0] !== PACKED) return published;
  return unpackedFields(published[1]!) ?? published;
}

/**
 * The fields of an entry: `hydra` (its format), `type`, `headers` and `data`, both JSON.
 *
 * @throws HydraError `BAD_PAYLOAD`, `PAYLOAD_TOO_LARGE`
 */
export function encodeEntry(
  stream: string,
  data: unknown,
  { type, metadata }: EntryExtras,
  maxBytes: number,
): string[] {
  const what = `an entry of "${stream}"`;
  const where = `the data of ${what}`;
  const { data: sent, hasBytes } = toPayload(data, where);
  const text = stringify(where, hasBytes ? sent : data, data) as string | undefined;
  const fields = [MARK, hasBytes ? WITH_BYTES : PLAIN];
  if (type !== undefined) fields.push('type', type);
  if (metadata !== undefined) fields.push('headers', stringify(`the headers of ${what}`, metadata));
  // undefined has no JSON; an entry without data says it.
  if (text !== undefined) fields.push('data', text);
  const bytes = fields.reduce((sum, field) => sum + Buffer.byteLength(field), 0);
  refuseTooLarge(what, bytes, maxBytes);
  return fields;
}

/**
 * Reads an entry of ours, one of hydra-router's (`message`, a UMF text), or any other. Never throws.
 *
 * @param toBuffer makes bytes of base64
 */
export function decodeEntry(fields: EntryFields, toBuffer: (base64: string) => unknown): EntryContent {
  const published = publishedFields(fields);
  return decodeKnown(published, toBuffer) ?? decodeForeign(published);
}

function decodeKnown(fields: EntryFields, toBuffer: (base64: string) => unknown): EntryContent | undefined {
  try {
    if (isOurs(fields)) return decodeOwn(fields, toBuffer);
    const isUmf = fields[0] === 'message' && fields.length === 2;
    return isUmf ? decodeUmf(fields[1]!) : undefined;
  } catch {
    // A walk through what is nested deeper than the stack is.
    return undefined;
  }
}

function isOurs([name, format]: EntryFields): boolean {
  return name === MARK && (format === PLAIN || format === WITH_BYTES);
}

function decodeOwn(fields: EntryFields, toBuffer: (base64: string) => unknown): EntryContent | undefined {
  let data: unknown;
  let type: string | undefined;
  let metadata: Readonly<Record<string, string>> | undefined;
  for (let index = 2; index < fields.length; index += 2) {
    const value = fields[index + 1]!;
    switch (fields[index]) {
      case 'data':
        data = parseValue(value);
        if (data === undefined) return undefined;
        break;
      case 'type':
        type = value;
        break;
      case 'headers':
        metadata = headersOf(parseValue(value));
        break;
    }
  }
  return { data: fields[1] === WITH_BYTES ? fromPayload(data, toBuffer) : data, type, metadata };
}

function decodeUmf(text: string): EntryContent | undefined {
  const message = decodeMessage(text);
  if (message?.body === undefined) return undefined;
  return { data: message.body, type: message.type, metadata: headersOf(message.headers) };
}

function decodeForeign(fields: EntryFields): EntryContent {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    // As in JSON: data of a foreign program must not change a prototype when it is merged.
    if (fields[index] !== '__proto__') pairs.push([fields[index]!, fields[index + 1]!]);
  }
  const data: Record<string, string> = Object.fromEntries(pairs);
  return { data, type: Object.hasOwn(data, 'type') ? data['type'] : undefined, metadata: undefined };
}

function headersOf(value: unknown): Readonly<Record<string, string>> | undefined {
  return isJsonObject(value) ? (value as Record<string, string>) : undefined;
}
