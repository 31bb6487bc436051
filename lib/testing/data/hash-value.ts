import { ELEMENT_BYTES, Value } from './value.js';

export class HashValue extends Value {
  readonly type = 'hash';
  private readonly fields = new Map<string, string>();

  get isEmpty(): boolean {
    return this.fields.size === 0;
  }

  get size(): number {
    return this.fields.size;
  }

  get(field: string): string | undefined {
    return this.fields.get(field);
  }

  has(field: string): boolean {
    return this.fields.has(field);
  }

  /** Whether the field is new. */
  set(field: string, value: string): boolean {
    const before = this.fields.get(field);
    this.fields.set(field, value);
    this.grow(
      before === undefined ? ELEMENT_BYTES + field.length + value.length : value.length - before.length,
    );
    return before === undefined;
  }

  delete(field: string): boolean {
    const before = this.fields.get(field);
    if (before === undefined) return false;
    this.grow(-(ELEMENT_BYTES + field.length + before.length));
    return this.fields.delete(field);
  }

  keys(): readonly string[] {
    return [...this.fields.keys()];
  }

  values(): readonly string[] {
    return [...this.fields.values()];
  }

  entries(): readonly (readonly [string, string])[] {
    return [...this.fields];
  }

  copy(): HashValue {
    const copy = new HashValue();
    for (const [field, value] of this.fields) copy.set(field, value);
    return copy;
  }
}
