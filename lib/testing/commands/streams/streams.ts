import {
  compareIds,
  formatId,
  invalidId,
  MAX_ID,
  MAX_PART,
  MIN_ID,
  nextId,
  parseId,
  parsePartialId,
  previousId,
  type StreamId,
} from '../../data/stream-id.js';
import { StreamValue, type StreamEntry } from '../../data/stream-value.js';
import { integer, parseInteger } from '../../protocol/numbers.js';
import {
  CommandError,
  MapReply,
  NULL_ARRAY,
  OK,
  syntaxError,
  wrongArity,
  type Reply,
} from '../../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../../server/command-context.js';
import { OptionReader } from '../option-reader.js';
import { NO_TRIM, readTrim, trim } from './stream-trimming.js';

export const streamCommands: CommandFamily = {
  xadd(context, [key, ...words]) {
    const reader = new OptionReader(words);
    let [makes, trimming] = [true, NO_TRIM];
    for (let name = reader.peek(); name !== undefined; name = reader.peek()) {
      if (name === 'nomkstream') makes = reader.name() !== 'nomkstream';
      else if (name === 'maxlen' || name === 'minid') trimming = readTrim(reader);
      else break;
    }
    if (reader.isDone) throw wrongArity('xadd');
    const idText = reader.value();
    const partial = idText === '*' ? undefined : parsePartialId(idText);
    const given = idText === '*' || partial !== undefined ? undefined : parseId(idText);
    const fields = reader.rest();
    if (fields.length === 0 || fields.length % 2 !== 0) throw wrongArity('xadd');
    if (given && compareIds(given, MIN_ID) === 0)
      throw new CommandError('ERR The ID specified in XADD must be greater than 0-0');
    const known = find(context, key!);
    if (!known && !makes) return null;
    const id = idFor(context, known?.head.lastId ?? MIN_ID, given, partial);
    const stream = known ?? context.database.open(key!, StreamValue);
    stream.add(id, fields);
    trim(stream, trimming);
    context.database.changed(key!);
    return formatId(id);
  },

  xlen: (context, [key]) => find(context, key!)?.size ?? 0,

  xdel(context, [key, ...ids]) {
    const stream = find(context, key!);
    if (!stream) return 0;
    const deleted = ids.map((id) => parseId(id)).filter((id) => stream.delete(id)).length;
    if (deleted > 0) context.database.changed(key!);
    return deleted;
  },

  xtrim(context, [key, ...words]) {
    const reader = new OptionReader(words);
    const trimming = readTrim(reader);
    if (!reader.isDone) throw syntaxError();
    const stream = find(context, key!);
    const trimmed = stream ? trim(stream, trimming) : 0;
    if (trimmed > 0) context.database.changed(key!);
    return trimmed;
  },

  xrange: (context, [key, from, to, ...words]) => range(context, key!, from!, to!, words, false),
  xrevrange: (context, [key, to, from, ...words]) => range(context, key!, from!, to!, words, true),

  xsetid(context, [key, idText, ...words]) {
    const id = parseId(idText!);
    const options = readSetIdOptions(words);
    const stream = find(context, key!);
    if (!stream) throw new CommandError('ERR no such key');
    if (options.maxDeletedId && compareIds(id, options.maxDeletedId) < 0)
      throw new CommandError(
        'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
      );
    const { lastEntry } = stream;
    if (lastEntry && compareIds(id, lastEntry.id) < 0)
      throw new CommandError('ERR The ID specified in XSETID is smaller than the target stream top item');
    if (lastEntry && options.entriesAdded !== undefined && BigInt(stream.size) > options.entriesAdded)
      throw new CommandError(
        'ERR The entries_added specified in XSETID is smaller than the target stream length',
      );
    stream.head.lastId = id;
    if (options.entriesAdded !== undefined) stream.head.entriesAdded = options.entriesAdded;
    if (options.maxDeletedId && compareIds(options.maxDeletedId, MIN_ID) > 0)
      stream.head.maxDeletedId = options.maxDeletedId;
    context.database.changed(key!);
    return OK;
  },

  xread(context, words) {
    const { names, ids, count, blockMs } = readReadOptions(words);
    const after = names.map((name, at) => {
      const stream = find(context, name);
      return ids[at] === '$' ? (stream?.head.lastId ?? MIN_ID) : parseId(ids[at]!);
    });
    const attempt = () => {
      const found = names.flatMap((name, at) => {
        const from = nextId(after[at]!);
        const entries = from ? (find(context, name)?.range(from, MAX_ID, count) ?? []) : [];
        return entries.length > 0 ? [[name, entries.map(entryReply)] as const] : [];
      });
      return found.length > 0 ? streamsReply(context, found) : undefined;
    };
    const waiting = { keys: names, timeoutMs: blockMs ?? 0, attempt, whenTimedOut: NULL_ARRAY } as const;
    return attempt() ?? (blockMs === undefined ? NULL_ARRAY : context.wait(waiting));
  },
};

export function findStream({ database }: CommandContext, key: string): StreamValue | undefined {
  return database.find(key, StreamValue);
}

const find = findStream;

export function entryReply({ id, fields }: StreamEntry): Reply {
  return [formatId(id), fields];
}

/** By streams: a map in RESP3. */
export function streamsReply(
  { session, origin }: CommandContext,
  found: readonly (readonly [string, Reply])[],
): Reply {
  return session.state.version === 3 && origin !== 'script' ? new MapReply(found) : found;
}

function idFor(
  { now }: CommandContext,
  lastId: StreamId,
  given: StreamId | undefined,
  partial: bigint | undefined,
): StreamId {
  if (given === undefined && partial === undefined) {
    const fresh = { ms: BigInt(now), seq: 0n };
    if (compareIds(fresh, lastId) > 0) return fresh;
    const next = nextId(lastId);
    if (next) return next;
    throw new CommandError('ERR The stream has exhausted the last possible ID, unable to add more items');
  }
  const id = given ?? partialId(partial!, lastId);
  if (id && compareIds(id, lastId) > 0) return id;
  throw new CommandError('ERR The ID specified in XADD is equal or smaller than the target stream top item');
}

function partialId(ms: bigint, lastId: StreamId): StreamId | undefined {
  if (ms !== lastId.ms) return { ms, seq: 0n };
  return lastId.seq < MAX_PART ? { ms, seq: lastId.seq + 1n } : undefined;
}

/** `(1-1` begins behind it. */
export function readRangeStart(text: string): StreamId {
  if (text === '-') return MIN_ID;
  if (text === '+') return MAX_ID;
  if (!text.startsWith('(')) return parseId(text);
  const id = nextId(exclusiveId(text, 0n));
  if (!id) throw new CommandError('ERR invalid start ID for the interval');
  return id;
}

export function readRangeEnd(text: string): StreamId {
  if (text === '-') return MIN_ID;
  if (text === '+') return MAX_ID;
  if (!text.startsWith('(')) return parseId(text, MAX_PART);
  const id = previousId(exclusiveId(text, MAX_PART));
  if (!id) throw new CommandError('ERR invalid end ID for the interval');
  return id;
}

function exclusiveId(text: string, missing: bigint): StreamId {
  if (text === '(-' || text === '(+') throw invalidId();
  return parseId(text.slice(1), missing);
}

function range(
  context: CommandContext,
  key: string,
  fromText: string,
  toText: string,
  words: readonly string[],
  isReversed: boolean,
): Reply {
  const [from, to] = [readRangeStart(fromText), readRangeEnd(toText)];
  const count = readCount(words);
  const stream = find(context, key);
  if (!stream) return [];
  if (count === 0) return NULL_ARRAY;
  const entries = isReversed ? stream.reverseRange(from, to, count) : stream.range(from, to, count);
  return entries.map(entryReply);
}

function readCount(words: readonly string[]): number | undefined {
  if (words.length === 0) return undefined;
  if (words.length !== 2 || words[0]!.toLowerCase() !== 'count') throw syntaxError();
  return Math.max(0, integer(words[1]!));
}

function readSetIdOptions(words: readonly string[]) {
  const reader = new OptionReader(words);
  let [entriesAdded, maxDeletedId]: [bigint | undefined, StreamId | undefined] = [undefined, undefined];
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'entriesadded') {
      const count = reader.integer();
      if (count < 0) throw new CommandError('ERR entries_added must be positive');
      entriesAdded = BigInt(count);
    } else if (name === 'maxdeletedid') maxDeletedId = parseId(reader.value());
    else throw syntaxError();
  }
  return { entriesAdded, maxDeletedId };
}

export interface ReadOptions {
  readonly names: readonly string[];
  readonly ids: readonly string[];
  readonly count: number;
  readonly blockMs: number | undefined;
  readonly acknowledges: boolean;
  readonly group: readonly [string, string] | undefined;
}

/** The options of XREAD and XREADGROUP. */
export function readReadOptions(words: readonly string[], command = 'xread'): ReadOptions {
  const reader = new OptionReader(words);
  let [count, blockMs, acknowledges]: [number, number | undefined, boolean] = [Infinity, undefined, false];
  let group: readonly [string, string] | undefined;
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'streams')
      return { ...namesAndIds(reader.rest(), command), count, blockMs, acknowledges, group };
    if (name === 'count') count = countOf(reader.integer());
    else if (name === 'block') blockMs = readBlock(reader.value());
    else if (name === 'noack' && command === 'xreadgroup') acknowledges = true;
    else if (name === 'group' && command === 'xreadgroup') group = [reader.value(), reader.value()];
    else throw syntaxError();
  }
  throw syntaxError();
}

/** 0 means all. */
function countOf(given: number): number {
  return given > 0 ? given : Infinity;
}

function readBlock(text: string): number {
  const ms = parseInteger(text);
  if (ms === undefined) throw new CommandError('ERR timeout is not an integer or out of range');
  if (ms < 0) throw new CommandError('ERR timeout is negative');
  return ms;
}

function namesAndIds(rest: readonly string[], command: string) {
  if (rest.length === 0 || rest.length % 2 !== 0) {
    const text = `ERR Unbalanced '${command}' list of streams: for each stream key an ID or '$' must be specified.`;
    throw new CommandError(command === 'xread' ? text : text.replace("'$'", "'>'"));
  }
  return { names: rest.slice(0, rest.length / 2), ids: rest.slice(rest.length / 2) };
}
