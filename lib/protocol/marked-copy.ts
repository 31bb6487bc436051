import { HydraError } from '../hydra-error.js';

/** How bytes travel inside JSON. Only messages that say they hold some are searched for it. */
export const BYTES = '$hydra:bytes';

/** Objects that JSON takes for the plain value or the object that they are. */
const TRAVELLING = ['Object', 'Boolean', 'Number', 'String'];
/** Objects that JSON takes for their own members, which are the lesser part of them. */
const LOSING = ['Error', 'Map', 'Set'];

/** Copies a value for JSON with its bytes marked, and refuses what JSON would turn into something else, with its path. */
export class MarkedCopy {
  private foundBytes = false;
  private hasMark = false;
  private readonly path: (string | number)[] = [];
  private readonly around = new Set<object>();

  constructor(private readonly what: string) {}

  /** Whether what was copied holds bytes. */
  get hasBytes(): boolean {
    return this.foundBytes;
  }

  /** @throws HydraError `BAD_PAYLOAD` */
  of(data: unknown): unknown {
    const copy = this.copy(data);
    if (this.foundBytes && this.hasMark) {
      throw this.refusal(`a member "${BYTES}" beside bytes, which are marked by it`);
    }
    return copy;
  }

  private copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
      case 'undefined':
        return value;
      case 'number':
        if (Number.isFinite(value)) return value;
        throw this.refusal(`${value}, which would become null`);
      case 'object':
        return value === null ? null : this.copyObject(value);
      default:
        throw this.refusal(`a ${typeof value}`);
    }
  }

  private copyObject(value: object): unknown {
    if (isBytes(value)) return this.mark(value);
    if (this.around.has(value)) throw this.refusal('what it is in itself: a cycle');
    this.around.add(value);
    const copy = this.copyMembers(value);
    this.around.delete(value);
    return copy;
  }

  private copyMembers(value: object): unknown {
    if (Array.isArray(value)) return this.copyList(value);
    if (isNoDate(value)) throw this.refusal('a Date without a time, which would become null');
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return this.copy(plainOf(value));
    if (isEmptied(value)) throw this.refusal(`a ${nameOf(value)}, which would become another object`);
    if (tagOf(value) !== 'Object' && TRAVELLING.includes(tagOf(value))) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.member(key, member)]));
  }

  private copyList(values: readonly unknown[]): unknown[] {
    // Array.from: map would pass over what is missing.
    return Array.from(values, (value, index) => {
      if (value !== undefined) return this.member(index, value);
      this.path.push(index);
      throw this.refusal('undefined in a list, which would become null');
    });
  }

  private member(key: string | number, value: unknown): unknown {
    if (key === BYTES && typeof value === 'string') this.hasMark = true;
    this.path.push(key);
    const copy = this.copy(value);
    this.path.pop();
    return copy;
  }

  private mark(bytes: Uint8Array): object {
    this.foundBytes = true;
    return { [BYTES]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') };
  }

  private refusal(reason: string): HydraError {
    const steps = this.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
    const where = steps.length === 0 ? '' : `${steps.join('').replace(/^\./, '')} is `;
    return new HydraError('BAD_PAYLOAD', `${this.what} is not JSON data: ${where}${reason}`);
  }
}

export function isBytes(value: object): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** A Date has no text then, and JSON makes null of it. */
function isNoDate(value: object): boolean {
  return tagOf(value) === 'Date' && Number.isNaN(Number(value));
}

/** What an object's own `toJSON` gives for it. */
export function plainOf(value: object): unknown {
  return (value as { toJSON(key: string): unknown }).toJSON('');
}

/** `Map`, `Blob`, `Promise`: the name that JavaScript itself gives an object. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** It keeps what it is where JSON does not look: all of it, or, as an Error's message and a Map's entries, the point. */
function isEmptied(value: object): boolean {
  const tag = tagOf(value);
  if (TRAVELLING.includes(tag)) return false;
  return LOSING.includes(tag) || ArrayBuffer.isView(value) || Object.keys(value).length === 0;
}

function nameOf(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== '' ? constructor.name : tagOf(value);
}
