import type { Value } from '../data/value.js';
import type { Database, DatabaseCopy } from './database.js';

/** A key as a command left it; without a value it was removed. */
interface Change {
  readonly at: number;
  readonly index: number;
  readonly key: string;
  readonly value: Value | undefined;
  readonly expiry: number | undefined;
}

type Contents = Map<string, Pick<Change, 'value' | 'expiry'>>;

/** A replica that is some time behind: what was written since then has not reached it. */
export class Follower {
  private readonly contents: readonly Contents[];
  private readonly changes: Change[] = [];
  private readonly touched = new Map<string, readonly [Database, string]>();

  constructor(
    databases: readonly Database[],
    private readonly behindMs: number,
    private readonly now: () => number,
  ) {
    this.contents = databases.map((database) => contentsOf(database.copy()));
  }

  /** A command changes this key. */
  touch(database: Database, key: string): void {
    this.touched.set(`${database.index} ${key}`, [database, key]);
  }

  /** The command has ended: all that it changed arrives together. */
  commit(): void {
    if (this.touched.size === 0) return;
    const at = this.now();
    for (const [database, key] of this.touched.values()) {
      const value = database.get(key)?.copy();
      this.changes.push({ at, index: database.index, key, value, expiry: database.expiryOf(key) });
    }
    this.touched.clear();
    this.catchUp();
  }

  /** What it has now. */
  get databases(): readonly DatabaseCopy[] {
    this.catchUp();
    return this.contents.map((contents) => ({
      values: [...contents].map(([key, { value }]) => [key, value!] as const),
      expiries: [...contents].flatMap(([key, { expiry }]) =>
        expiry === undefined ? [] : [[key, expiry] as const],
      ),
    }));
  }

  private catchUp(): void {
    const seenUntil = this.now() - this.behindMs;
    const later = this.changes.findIndex(({ at }) => at > seenUntil);
    for (const { index, key, value, expiry } of this.changes.splice(
      0,
      later < 0 ? this.changes.length : later,
    )) {
      const contents = this.contents[index]!;
      if (value) contents.set(key, { value, expiry });
      else contents.delete(key);
    }
  }
}

function contentsOf({ values, expiries }: DatabaseCopy): Contents {
  const expiryOf = new Map(expiries);
  return new Map(values.map(([key, value]) => [key, { value, expiry: expiryOf.get(key) }]));
}
