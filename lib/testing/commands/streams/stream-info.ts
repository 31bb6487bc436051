import type { ConsumerGroup } from '../../data/consumer-group.js';
import { compareIds, formatId, MIN_ID } from '../../data/stream-id.js';
import type { StreamValue } from '../../data/stream-value.js';
import { CommandError, MapReply, type Reply } from '../../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../../server/command-context.js';
import { estimateRead, hasDeletedBehind } from './stream-groups.js';
import { entryReply, findStream } from './streams.js';

export const streamInfoCommands: CommandFamily = {
  'xinfo|stream'(context, [key, ...words]) {
    const stream = streamOf(context, key!);
    const shared: [string, Reply][] = [
      ['length', stream.size],
      ['radix-tree-keys', stream.size > 0 ? Math.ceil(stream.size / 100) : 0],
      ['radix-tree-nodes', stream.size > 0 ? 1 + Math.ceil(stream.size / 100) : 1],
      ['last-generated-id', formatId(stream.head.lastId)],
      ['max-deleted-entry-id', formatId(stream.head.maxDeletedId)],
      ['entries-added', Number(stream.head.entriesAdded)],
      ['recorded-first-entry-id', formatId(stream.firstEntry?.id ?? MIN_ID)],
    ];
    if (words[0]?.toLowerCase() === 'full') {
      return new MapReply([
        ...shared,
        ['entries', stream.range(MIN_ID, stream.head.lastId, 10).map(entryReply)],
      ]);
    }
    return new MapReply([
      ...shared,
      ['groups', stream.groups.size],
      ['first-entry', stream.firstEntry ? entryReply(stream.firstEntry) : null],
      ['last-entry', stream.lastEntry ? entryReply(stream.lastEntry) : null],
    ]);
  },

  'xinfo|groups'(context, [key]) {
    const stream = streamOf(context, key!);
    return [...stream.groups.values()].toSorted(byName).map((group) => groupReply(stream, group));
  },

  'xinfo|consumers'(context, [key, name]) {
    const group = streamOf(context, key!).groups.get(name!);
    if (!group) throw new CommandError(`NOGROUP No such consumer group '${name}' for key name '${key}'`);
    return [...group.consumers.values()].toSorted(byName).map(
      ({ name: consumer, pending, seenAt }) =>
        new MapReply([
          ['name', consumer],
          ['pending', pending.size],
          ['idle', Math.max(0, context.now - seenAt)],
        ]),
    );
  },
};

function streamOf(context: CommandContext, key: string): StreamValue {
  const stream = findStream(context, key);
  if (!stream) throw new CommandError('ERR no such key');
  return stream;
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function groupReply(stream: StreamValue, group: ConsumerGroup): Reply {
  return new MapReply([
    ['name', group.name],
    ['consumers', group.consumers.size],
    ['pending', group.pending.size],
    ['last-delivered-id', formatId(group.place.lastId)],
    ['entries-read', group.place.entriesRead === undefined ? null : Number(group.place.entriesRead)],
    ['lag', lagOf(stream, group)],
  ]);
}

function lagOf(stream: StreamValue, group: ConsumerGroup): Reply {
  if (stream.head.entriesAdded === 0n) return 0;
  if (group.place.entriesRead !== undefined && !hasDeletedBehind(stream, group.place.lastId)) {
    return Number(stream.head.entriesAdded - group.place.entriesRead);
  }
  const read = estimateRead(stream, group.place.lastId);
  if (read === undefined) return compareIds(group.place.lastId, stream.head.lastId) === 0 ? 0 : null;
  return Number(stream.head.entriesAdded - read);
}
