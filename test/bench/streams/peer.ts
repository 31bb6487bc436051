/** What an entry carries. */
export interface Reading {
  readonly id: number;
  readonly at: number;
  readonly text: string;
}

export const readingOf = (id: number): Reading => ({ id, at: Date.now(), text: 'x'.repeat(100) });

/** One way to use a stream: each file in `peers/` exports one as `peer`. */
export interface Peer {
  /** The stream's key, and how it writes an entry: names and values, `%s` for the JSON of a reading. */
  readonly key: string;
  readonly fields: readonly string[];
  readonly group: string;
  /** Handles entries from now on; resolves once it does. */
  consume(redisUrl: string, handle: (reading: Reading) => void): Promise<unknown>;
  /** Resolves with what stores one reading. */
  publish(redisUrl: string): Promise<(reading: Reading) => Promise<unknown>>;
}

/** Entries in hand at once, and read at once. */
export const CONCURRENCY = 200;

export async function peerNamed(name: string): Promise<Peer> {
  const { peer } = (await import(`./peers/${name}.js`)) as { peer: Peer };
  return peer;
}
