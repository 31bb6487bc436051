import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';

import type { Value } from '../data/value.js';
import { integer } from '../protocol/numbers.js';
import { CommandError, OK, syntaxError, type Reply } from '../protocol/reply.js';
import type { CommandContext } from '../server/command-context.js';

/** How many values are kept for RESTORE; the oldest are forgotten. */
const MAX_KEPT = 10_000;
const kept = new WeakMap<object, Map<string, Value>>();

/**
 * DUMP: a text that is the same for the same contents. It is not that of a real server, and only the Redis that has made it
 * knows what it stands for.
 */
export function dump({ database, server }: CommandContext, key: string): Reply {
  const value = database.get(key)?.copy();
  if (!value) return null;
  const text = `memory:${value.type}:${createHash('sha1').update(serialize(value)).digest('hex')}`;
  const values = kept.get(server) ?? new Map<string, Value>();
  kept.set(server, values);
  values.set(text, value);
  if (values.size > MAX_KEPT) values.delete(values.keys().next().value!);
  return text;
}

export function restore({ database, server, now }: CommandContext, argv: readonly string[]): Reply {
  const [key, ttl, text, ...words] = argv as [string, string, string, ...string[]];
  const options = new Set(words.map((word) => word.toLowerCase()));
  for (const option of options) if (!['replace', 'absttl'].includes(option)) throw syntaxError();
  const lifeMs = integer(ttl);
  if (lifeMs < 0) throw new CommandError('ERR Invalid TTL value, must be >= 0');
  if (database.has(key) && !options.has('replace'))
    throw new CommandError('BUSYKEY Target key name already exists.');
  const value = kept.get(server)?.get(text);
  if (!value) throw new CommandError('ERR DUMP payload version or checksum are wrong');
  database.set(key, value.copy());
  if (lifeMs > 0) database.expireAt(key, options.has('absttl') ? lifeMs : now + lifeMs);
  return OK;
}
