import { ConsumerGroup, type Consumer, type PendingEntry } from '../../data/consumer-group.js';
import {
  compareIds,
  formatId,
  MAX_ID,
  MIN_ID,
  nextId,
  parseId,
  type StreamId,
} from '../../data/stream-id.js';
import { StreamValue, type StreamEntry } from '../../data/stream-value.js';
import { integer } from '../../protocol/numbers.js';
import { CommandError, NULL_ARRAY, OK, syntaxError, type Reply } from '../../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../../server/command-context.js';
import { OptionReader } from '../option-reader.js';
import {
  entryReply,
  findStream,
  readRangeEnd,
  readRangeStart,
  readReadOptions,
  streamsReply,
} from './streams.js';

const NO_KEY =
  'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.';

export const streamGroupCommands: CommandFamily = {
  'xgroup|create'(context, [key, name, idText, ...words]) {
    const { makes, entriesRead } = readGroupOptions(words);
    let stream = findStream(context, key!);
    if (!stream && !makes) throw new CommandError(NO_KEY);
    const id = idText === '$' ? (stream?.head.lastId ?? MIN_ID) : parseId(idText!);
    if (stream?.groups.has(name!)) throw new CommandError('BUSYGROUP Consumer Group name already exists');
    stream ??= context.database.open(key!, StreamValue);
    stream.groups.set(name!, new ConsumerGroup(name!, id, entriesRead));
    context.database.changed(key!);
    return OK;
  },

  'xgroup|setid'(context, [key, name, idText, ...words]) {
    const { entriesRead } = readGroupOptions(words);
    const { stream, group } = groupOf(context, key!, name!);
    group.place.lastId = idText === '$' ? stream.head.lastId : parseId(idText!);
    group.place.entriesRead = entriesRead;
    context.database.changed(key!);
    return OK;
  },

  'xgroup|destroy'(context, [key, name]) {
    const stream = findStream(context, key!);
    if (!stream) throw new CommandError(NO_KEY);
    const isGone = stream.groups.delete(name!);
    if (isGone) context.database.changed(key!);
    return Number(isGone);
  },

  'xgroup|createconsumer'(context, [key, name, consumer]) {
    const { group } = groupOf(context, key!, name!);
    if (group.consumers.has(consumer!)) return 0;
    group.consumer(consumer!, context.now);
    return 1;
  },

  'xgroup|delconsumer'(context, [key, name, consumer]) {
    const { group } = groupOf(context, key!, name!);
    return group.removeConsumer(consumer!) ?? 0;
  },

  xreadgroup(context, words) {
    const options = readReadOptions(words, 'xreadgroup');
    const { names, ids, count, blockMs } = options;
    if (!options.group) throw new CommandError('ERR Missing GROUP option for XREADGROUP');
    if (ids.includes('$')) throw dollarInGroup();
    const [groupName, consumerName] = options.group;
    const after = names.map((name, at) => {
      readableGroup(context, name, groupName);
      return ids[at] === '>' ? undefined : parseId(ids[at]!);
    });
    const attempt = () => {
      const found = names.flatMap((name, at) => {
        const { stream, group } = readableGroup(context, name, groupName);
        const id = after[at];
        if (!id && !hasNew(stream, group)) return [];
        const consumer = group.consumer(consumerName, context.now);
        consumer.seenAt = context.now;
        if (id) return [[name, readHistory(stream, consumer, id, count, context.now)] as const];
        const entries = readNew(stream, group, consumer, count, { ...options, now: context.now });
        return [[name, entries.map(entryReply)] as const];
      });
      return found.length > 0 ? streamsReply(context, found) : undefined;
    };
    const attemptLater = () => {
      if (names.some((name) => !context.database.has(name)))
        return new CommandError('UNBLOCKED the stream key no longer exists');
      return attempt();
    };
    const waiting = {
      keys: names,
      timeoutMs: blockMs ?? 0,
      attempt: attemptLater,
      whenTimedOut: NULL_ARRAY,
    } as const;
    return attempt() ?? (blockMs === undefined ? NULL_ARRAY : context.wait(waiting));
  },

  xack(context, [key, name, ...ids]) {
    const group = findStream(context, key!)?.groups.get(name!);
    if (!group) return 0;
    return ids.map((id) => parseId(id)).filter((id) => group.acknowledge(id)).length;
  },

  xpending(context, [key, name, ...words]) {
    if (words.length === 0) return summary(groupOf(context, key!, name!, 'XPENDING').group);
    const { minIdle, from, to, count, consumer } = readPendingOptions(words);
    const { group } = groupOf(context, key!, name!, 'XPENDING');
    const among = consumer === undefined ? group.pending : group.consumers.get(consumer)?.pending;
    const rows: Reply[] = [];
    for (const entry of among?.from(from) ?? []) {
      if (rows.length >= count || compareIds(entry.id, to) > 0) break;
      const idle = Math.max(0, context.now - entry.deliveredAt);
      if (idle >= minIdle) rows.push([formatId(entry.id), entry.consumer.name, idle, entry.deliveries]);
    }
    return rows;
  },

  xclaim(context, [key, name, consumerName, minIdleText, ...words]) {
    const stream = findStream(context, key!);
    const group = stream?.groups.get(name!);
    if (!stream || !group) throw noGroup(key!, name!);
    const minIdle = Math.max(0, integer(minIdleText!, 'ERR Invalid min-idle-time argument for XCLAIM'));
    const { ids, options } = readClaimOptions(words, context.now);
    const claimed: Reply[] = [];
    for (const id of ids) {
      const entry = claim(stream, group, consumerName!, id, { ...options, minIdle, now: context.now });
      if (entry) claimed.push(options.justId ? formatId(id) : entryReply(entry));
    }
    context.database.changed(key!);
    return claimed;
  },

  xautoclaim(context, [key, name, consumerName, minIdleText, startText, ...words]) {
    const minIdle = Math.max(0, integer(minIdleText!, 'ERR Invalid min-idle-time argument for XAUTOCLAIM'));
    const start = readRangeStart(startText!);
    const { count, justId } = readAutoClaimOptions(words);
    const stream = findStream(context, key!);
    const group = stream?.groups.get(name!);
    if (!stream || !group) throw noGroup(key!, name!);
    const [claimed, deleted]: [Reply[], string[]] = [[], []];
    const entries = group.pending.from(start);
    let place = 0;
    for (; place < entries.length && place < count * 10 && claimed.length < count; place++) {
      const { id, deliveredAt } = entries[place]!;
      if (!stream.get(id)) {
        group.acknowledge(id);
        deleted.push(formatId(id));
      } else if (context.now - deliveredAt >= minIdle) {
        const entry = claim(stream, group, consumerName!, id, {
          ...PLAIN_CLAIM,
          justId,
          minIdle,
          now: context.now,
          deliveredAt: context.now,
        });
        if (entry) claimed.push(justId ? formatId(id) : entryReply(entry));
      }
    }
    const next = entries[place];
    return [next ? formatId(next.id) : '0-0', claimed, deleted];
  },
};

function readGroupOptions(words: readonly string[]): { makes: boolean; entriesRead: bigint | undefined } {
  const reader = new OptionReader(words);
  let [makes, entriesRead]: [boolean, bigint | undefined] = [false, undefined];
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'mkstream') makes = true;
    else if (name === 'entriesread') {
      const count = reader.integer();
      if (count < -1) throw new CommandError('ERR value for ENTRIESREAD must be positive or -1');
      entriesRead = count === -1 ? undefined : BigInt(count);
    } else throw syntaxError();
  }
  return { makes, entriesRead };
}

function groupOf(
  context: CommandContext,
  key: string,
  name: string,
  command = 'XGROUP',
): { stream: StreamValue; group: ConsumerGroup } {
  const stream = findStream(context, key);
  if (!stream && command === 'XGROUP') throw new CommandError(NO_KEY);
  const group = stream?.groups.get(name);
  if (stream && group) return { stream, group };
  if (command === 'XPENDING') throw noGroup(key, name);
  throw new CommandError(`NOGROUP No such consumer group '${name}' for key name '${key}'`);
}

export function noGroup(key: string, name: string): CommandError {
  return new CommandError(`NOGROUP No such key '${key}' or consumer group '${name}'`);
}

function readableGroup(context: CommandContext, key: string, name: string) {
  const stream = findStream(context, key);
  const group = stream?.groups.get(name);
  if (stream && group) return { stream, group };
  throw new CommandError(
    `NOGROUP No such key '${key}' or consumer group '${name}' in XREADGROUP with GROUP option`,
  );
}

function dollarInGroup(): CommandError {
  return new CommandError(
    'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
  );
}

/** What the consumer was given before and has not acknowledged; without fields where it is deleted. */
function readHistory(
  stream: StreamValue,
  consumer: Consumer,
  after: StreamId,
  count: number,
  now: number,
): Reply {
  const from = nextId(after);
  const pending = from ? consumer.pending.from(from).slice(0, count === Infinity ? undefined : count) : [];
  return pending.map((entry) => {
    const stored = stream.get(entry.id);
    if (!stored) return [formatId(entry.id), NULL_ARRAY];
    entry.deliveredAt = now;
    entry.deliveries++;
    return entryReply(stored);
  });
}

function hasNew({ lastEntry }: StreamValue, { place: { lastId } }: ConsumerGroup): boolean {
  return lastEntry !== undefined && compareIds(lastEntry.id, lastId) > 0;
}

function readNew(
  stream: StreamValue,
  group: ConsumerGroup,
  consumer: Consumer,
  count: number,
  { acknowledges, now }: { acknowledges: boolean; now: number },
): readonly StreamEntry[] {
  const from = nextId(group.place.lastId);
  const entries = from ? stream.range(from, MAX_ID, count) : [];
  for (const { id } of entries) {
    countRead(stream, group, id);
    group.place.lastId = id;
    if (!acknowledges) group.deliver(id, consumer, now);
  }
  return entries;
}

function countRead(stream: StreamValue, group: ConsumerGroup, id: StreamId): void {
  const isCounted = group.place.entriesRead !== undefined && !hasDeletedBehind(stream, id);
  if (isCounted) group.place.entriesRead = group.place.entriesRead! + 1n;
  else if (stream.head.entriesAdded > 0n) group.place.entriesRead = estimateRead(stream, id);
}

/** Whether an entry behind this one was deleted from between, so that counting on would be wrong. */
export function hasDeletedBehind(stream: StreamValue, from: StreamId): boolean {
  if (stream.size === 0 || compareIds(stream.head.maxDeletedId, MIN_ID) === 0) return false;
  if (compareIds(stream.head.maxDeletedId, stream.firstEntry!.id) < 0) return false;
  return compareIds(from, stream.head.maxDeletedId) <= 0;
}

/** How many entries were added up to an id, where that can be known. */
export function estimateRead(stream: StreamValue, id: StreamId): bigint | undefined {
  if (stream.head.entriesAdded === 0n) return 0n;
  if (stream.size === 0 && compareIds(id, stream.head.lastId) < 1) return stream.head.entriesAdded;
  if (compareIds(id, MIN_ID) !== 0 && compareIds(id, stream.head.maxDeletedId) < 0) return undefined;
  const behind = compareIds(id, stream.head.lastId);
  if (behind === 0) return stream.head.entriesAdded;
  if (behind > 0) return undefined;
  const { firstEntry } = stream;
  if (
    !firstEntry ||
    (compareIds(stream.head.maxDeletedId, MIN_ID) !== 0 &&
      compareIds(stream.head.maxDeletedId, firstEntry.id) >= 0)
  )
    return undefined;
  const before = compareIds(id, firstEntry.id);
  if (before < 0) return stream.head.entriesAdded - BigInt(stream.size);
  return before === 0 ? stream.head.entriesAdded - BigInt(stream.size) + 1n : undefined;
}

function summary({ pending }: ConsumerGroup): Reply {
  const entries = pending.list();
  if (entries.length === 0) return [0, null, null, NULL_ARRAY];
  const counts = new Map<string, number>();
  for (const { consumer } of entries) counts.set(consumer.name, (counts.get(consumer.name) ?? 0) + 1);
  const byConsumer = [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => [name, String(count)]);
  return [entries.length, formatId(entries[0]!.id), formatId(entries.at(-1)!.id), byConsumer];
}

function readPendingOptions(words: readonly string[]) {
  const hasIdle = words[0]!.toLowerCase() === 'idle';
  const minIdle = hasIdle ? integer(words[1] ?? '') : 0;
  const [from, to, count, consumer, ...more] = hasIdle ? words.slice(2) : words;
  if (count === undefined || more.length > 0) throw syntaxError();
  const limit = Math.max(0, integer(count));
  return { minIdle, from: readRangeStart(from!), to: readRangeEnd(to!), count: limit, consumer };
}

interface ClaimOptions {
  justId: boolean;
  force: boolean;
  deliveries: number | undefined;
  deliveredAt: number;
  lastId: StreamId | undefined;
}

const PLAIN_CLAIM = { justId: false, force: false, deliveries: undefined, lastId: undefined } as const;

function idOf(word: string | undefined): StreamId | undefined {
  if (word === undefined || !/^\d/.test(word)) return undefined;
  try {
    return parseId(word);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function readClaimOptions(words: readonly string[], now: number) {
  let at = 0;
  const ids: StreamId[] = [];
  // What is no id is taken for an option.
  for (let id = idOf(words[at]); id; id = idOf(words[++at])) ids.push(id);
  const options: ClaimOptions = { ...PLAIN_CLAIM, deliveredAt: now };
  const reader = new OptionReader(words.slice(at));
  while (!reader.isDone) {
    const given = reader.peek()!;
    const name = reader.name();
    if (name === 'justid') options.justId = true;
    else if (name === 'force') options.force = true;
    else if (name === 'idle')
      options.deliveredAt = now - integer(reader.value(), 'ERR Invalid IDLE option argument for XCLAIM');
    else if (name === 'time')
      options.deliveredAt = integer(reader.value(), 'ERR Invalid TIME option argument for XCLAIM');
    else if (name === 'retrycount')
      options.deliveries = integer(reader.value(), 'ERR Invalid RETRYCOUNT option argument for XCLAIM');
    else if (name === 'lastid') options.lastId = parseId(reader.value());
    else throw new CommandError(`ERR Unrecognized XCLAIM option '${given}'`);
  }
  if (options.deliveredAt > now || options.deliveredAt < 0) options.deliveredAt = now;
  return { ids, options };
}

function claim(
  stream: StreamValue,
  group: ConsumerGroup,
  consumerName: string,
  id: StreamId,
  options: ClaimOptions & { minIdle: number; now: number },
): StreamEntry | undefined {
  if (options.lastId && compareIds(options.lastId, group.place.lastId) > 0)
    group.place.lastId = options.lastId;
  const stored = stream.get(id);
  const known = group.pending.get(id);
  if (!stored) {
    if (known) group.acknowledge(id);
    return undefined;
  }
  if (!known && !options.force) return undefined;
  if (known && options.now - known.deliveredAt < options.minIdle) return undefined;
  const consumer = group.consumer(consumerName, options.now);
  consumer.seenAt = options.now;
  const entry = known ?? forced(group, consumer, id, options.now);
  if (entry.consumer !== consumer) group.give(entry, consumer);
  entry.deliveredAt = options.deliveredAt;
  if (options.deliveries !== undefined) entry.deliveries = options.deliveries;
  else if (!options.justId) entry.deliveries++;
  return stored;
}

function forced(group: ConsumerGroup, consumer: Consumer, id: StreamId, now: number): PendingEntry {
  group.deliver(id, consumer, now);
  return group.pending.get(id)!;
}

function readAutoClaimOptions(words: readonly string[]) {
  const reader = new OptionReader(words);
  let [count, justId] = [100, false];
  while (!reader.isDone) {
    const name = reader.name();
    if (name === 'justid') justId = true;
    else if (name === 'count') {
      count = reader.integer();
      if (count < 1) throw new CommandError('ERR COUNT must be > 0');
    } else throw syntaxError();
  }
  return { count, justId };
}
