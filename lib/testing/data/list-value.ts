import { ELEMENT_BYTES, Value } from './value.js';

/** A list that is taken from at both ends: the items stand in the middle of an array, which has room before them. */
export class ListValue extends Value {
  readonly type = 'list';
  private items: (string | undefined)[] = [];
  private first = 0;

  get isEmpty(): boolean {
    return this.size === 0;
  }

  get size(): number {
    return this.items.length - this.first;
  }

  /** @param index from 0; from the end where it is negative */
  at(index: number): string | undefined {
    const place = index < 0 ? this.size + index : index;
    return place < 0 ? undefined : this.items[this.first + place];
  }

  pushRight(item: string): void {
    this.grow(ELEMENT_BYTES + item.length);
    this.items.push(item);
  }

  pushLeft(item: string): void {
    this.grow(ELEMENT_BYTES + item.length);
    if (this.first === 0) this.makeRoom();
    this.items[--this.first] = item;
  }

  popRight(): string | undefined {
    if (this.isEmpty) return undefined;
    return this.gone(this.items.pop());
  }

  popLeft(): string | undefined {
    if (this.isEmpty) return undefined;
    const item = this.items[this.first];
    this.items[this.first++] = undefined;
    if (this.first > 64 && this.first * 2 > this.items.length) this.replace(this.slice(0, this.size));
    return this.gone(item);
  }

  slice(from: number, to: number): string[] {
    return this.items.slice(this.first + from, this.first + to) as string[];
  }

  set(index: number, item: string): void {
    this.grow(item.length - (this.at(index) ?? '').length);
    this.items[this.first + (index < 0 ? this.size + index : index)] = item;
  }

  insert(index: number, item: string): void {
    this.grow(ELEMENT_BYTES + item.length);
    this.items.splice(this.first + index, 0, item);
  }

  remove(index: number): void {
    const [item] = this.items.splice(this.first + index, 1);
    this.gone(item);
  }

  /** Keeps what lies between. */
  trim(from: number, to: number): void {
    const kept = this.slice(from, to);
    for (const item of this.slice(0, from)) this.gone(item);
    for (const item of this.slice(to, this.size)) this.gone(item);
    this.replace(kept);
  }

  copy(): ListValue {
    const copy = new ListValue();
    for (const item of this.slice(0, this.size)) copy.pushRight(item);
    return copy;
  }

  private makeRoom(): void {
    const room = Math.max(16, this.items.length);
    this.items = [...Array.from<undefined>({ length: room }), ...this.items];
    this.first = room;
  }

  private replace(items: string[]): void {
    this.items = items;
    this.first = 0;
  }

  private gone(item: string | undefined): string | undefined {
    if (item !== undefined) this.grow(-(ELEMENT_BYTES + item.length));
    return item;
  }
}
