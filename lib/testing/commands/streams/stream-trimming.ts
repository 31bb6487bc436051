import { parseId, type StreamId } from '../../data/stream-id.js';
import type { StreamValue } from '../../data/stream-value.js';
import { integer } from '../../protocol/numbers.js';
import { CommandError, syntaxError } from '../../protocol/reply.js';
import type { OptionReader } from '../option-reader.js';

/** Redis drops whole nodes of so many entries where it need not be exact. */
const NODE_ENTRIES = 100;

export interface Trimming {
  readonly maxLength?: number;
  readonly minId?: StreamId;
  readonly isExact: boolean;
  readonly limit: number;
}

export const NO_TRIM: Trimming = { isExact: true, limit: Infinity };

/** `MAXLEN|MINID [=|~] threshold [LIMIT count]` */
export function readTrim(reader: OptionReader): Trimming {
  const kind = reader.name();
  if (kind !== 'maxlen' && kind !== 'minid') throw syntaxError();
  const sign = reader.peek();
  const isExact = sign !== '~';
  if (sign === '~' || sign === '=') reader.name();
  const threshold = reader.value();
  let limit = isExact ? Infinity : 100 * NODE_ENTRIES;
  if (reader.peek() === 'limit') {
    reader.name();
    limit = integer(reader.value());
    if (limit < 0) throw new CommandError('ERR The LIMIT argument must be >= 0.');
    if (isExact)
      throw new CommandError('ERR syntax error, LIMIT cannot be used without the special ~ option');
    if (limit === 0) limit = Infinity;
  }
  if (kind === 'minid') return { minId: parseId(threshold), isExact, limit };
  const maxLength = integer(threshold);
  if (maxLength < 0) throw new CommandError('ERR The MAXLEN argument must be >= 0.');
  return { maxLength, isExact, limit };
}

/** How many entries were dropped. */
export function trim(stream: StreamValue, { maxLength, minId, isExact, limit }: Trimming): number {
  let surplus = 0;
  if (maxLength !== undefined) surplus = Math.max(0, stream.size - maxLength);
  if (minId) surplus = stream.size - stream.countFrom(minId);
  // The last node may be smaller.
  const dropsAll = surplus === stream.size && surplus <= limit;
  if (!isExact && !dropsAll) surplus = Math.floor(Math.min(surplus, limit) / NODE_ENTRIES) * NODE_ENTRIES;
  for (let dropped = 0; dropped < surplus; dropped++) stream.shift();
  return surplus;
}
