import type { MemoryMeter, TypeName, Value } from '../data/value.js';
import { CommandError, WRONG_TYPE } from '../protocol/reply.js';

/** What one key costs beside its bytes. */
const KEY_BYTES = 96;

/** Hears of every key that is changed. */
export interface DatabaseListener {
  changed(database: Database, key: string): void;
}

export interface DatabaseOptions {
  readonly index: number;
  readonly meter: MemoryMeter;
  /** The time by which keys expire, in milliseconds. */
  readonly now: () => number;
  readonly listener: DatabaseListener;
}

export interface DatabaseCopy {
  readonly values: readonly (readonly [string, Value])[];
  readonly expiries: readonly (readonly [string, number])[];
}

type ValueClass<V extends Value> = new () => V;

/** One keyspace. A key whose time has passed is not there for anybody. */
export class Database {
  readonly index: number;
  private values = new Map<string, Value>();
  private expiries = new Map<string, number>();

  constructor(private readonly options: DatabaseOptions) {
    this.index = options.index;
  }

  /** The time by which keys expire, in milliseconds since 1970. */
  get now(): number {
    return this.options.now();
  }

  get size(): number {
    return this.values.size;
  }

  get expiringCount(): number {
    return this.expiries.size;
  }

  get(key: string): Value | undefined {
    if (this.expiries.size > 0) this.expire(key);
    return this.values.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** @throws CommandError when it holds another kind */
  find<V extends Value>(key: string, kind: abstract new (...args: never[]) => V): V | undefined {
    const value = this.get(key);
    if (value === undefined || value instanceof kind) return value;
    throw new CommandError(WRONG_TYPE);
  }

  /** The value of a key, made where there is none; whoever asks calls {@link changed} afterwards. */
  open<V extends Value>(key: string, kind: ValueClass<V>): V {
    const known = this.find(key, kind);
    if (known) return known;
    const value = new kind();
    this.put(key, value);
    return value;
  }

  /** Replaces what is there, with its time to live. */
  set(key: string, value: Value): void {
    this.remove(key);
    this.put(key, value);
    this.changed(key);
  }

  delete(key: string): boolean {
    if (!this.has(key)) return false;
    this.remove(key);
    this.options.listener.changed(this, key);
    return true;
  }

  /** To be called after each change: a collection without elements does not exist. */
  changed(key: string): void {
    if (this.values.get(key)?.isEmpty) this.remove(key);
    this.options.listener.changed(this, key);
  }

  typeOf(key: string): TypeName | 'none' {
    return this.get(key)?.type ?? 'none';
  }

  /** When it ends, in milliseconds since 1970; undefined when it stays. */
  expiryOf(key: string): number | undefined {
    return this.expiries.get(key);
  }

  expireAt(key: string, at: number): void {
    this.expiries.set(key, at);
  }

  persist(key: string): boolean {
    return this.expiries.delete(key);
  }

  /** All keys that have not expired. */
  keys(): readonly string[] {
    this.purge();
    return [...this.values.keys()];
  }

  /** Removes all whose time has passed. */
  purge(): void {
    for (const key of this.expiries.keys()) this.expire(key);
  }

  clear(): void {
    const keys = this.keys();
    for (const key of keys) this.delete(key);
  }

  /** All that is in it, to be put back later. */
  copy(): DatabaseCopy {
    const values = this.keys().map((key): [string, Value] => [key, this.values.get(key)!.copy()]);
    return { values, expiries: [...this.expiries] };
  }

  /** What was copied takes the place of what is there. */
  restore({ values, expiries }: DatabaseCopy): void {
    this.clear();
    for (const [key, value] of values) this.set(key, value.copy());
    for (const [key, at] of expiries) this.expiries.set(key, at);
  }

  /** SWAPDB: the contents change places. */
  swap(other: Database): void {
    [this.values, other.values] = [other.values, this.values];
    [this.expiries, other.expiries] = [other.expiries, this.expiries];
    for (const key of [...this.values.keys(), ...other.values.keys()]) {
      this.options.listener.changed(this, key);
      this.options.listener.changed(other, key);
    }
  }

  private expire(key: string): void {
    const at = this.expiries.get(key);
    if (at !== undefined && at <= this.options.now()) this.drop(key);
  }

  private drop(key: string): void {
    this.remove(key);
    this.options.listener.changed(this, key);
  }

  private put(key: string, value: Value): void {
    this.values.set(key, value);
    value.countIn(this.options.meter);
    this.options.meter.usedBytes += KEY_BYTES + key.length;
  }

  private remove(key: string): void {
    const value = this.values.get(key);
    if (!value) return;
    value.countIn(undefined);
    this.options.meter.usedBytes -= KEY_BYTES + key.length;
    this.values.delete(key);
    this.expiries.delete(key);
  }
}
