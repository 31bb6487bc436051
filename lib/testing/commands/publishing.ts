import { MapReply, NO_REPLY, PushReply, type Reply } from '../protocol/reply.js';
import type { CommandContext, CommandFamily } from '../server/command-context.js';

type Change = (context: CommandContext, name: string) => void;

export const publishingCommands: CommandFamily = {
  publish: ({ server }, [channel, message]) => server.pubSub.publish(channel!, message!),

  subscribe: (context, channels) =>
    each(context, 'subscribe', channels, ({ server, session }, name) =>
      server.pubSub.subscribe(session, name),
    ),
  psubscribe: (context, patterns) =>
    each(context, 'psubscribe', patterns, ({ server, session }, name) =>
      server.pubSub.subscribePattern(session, name),
    ),
  unsubscribe: (context, channels) =>
    each(context, 'unsubscribe', orAll(channels, context.session.channels), ({ server, session }, name) =>
      server.pubSub.unsubscribe(session, name),
    ),
  punsubscribe: (context, patterns) =>
    each(context, 'punsubscribe', orAll(patterns, context.session.patterns), ({ server, session }, name) =>
      server.pubSub.unsubscribePattern(session, name),
    ),

  'pubsub|channels': ({ server }, [pattern]) => server.pubSub.channels(pattern),
  'pubsub|numpat': ({ server }) => server.pubSub.patternCount,
  'pubsub|numsub': ({ server }, channels) =>
    new MapReply(channels.map((channel) => [channel, server.pubSub.subscribers(channel)] as const)),
  'pubsub|shardchannels': () => [],
  'pubsub|shardnumsub': (_, channels) => new MapReply(channels.map((channel) => [channel, 0] as const)),
};

function orAll(names: readonly string[], all: ReadonlySet<string>): readonly string[] {
  return names.length > 0 ? names : [...all];
}

/** One answer for each name; without any name, one that says so. */
function each(context: CommandContext, kind: string, names: readonly string[], change: Change): Reply {
  const { session } = context;
  for (const name of names) {
    change(context, name);
    session.send(new PushReply([kind, name, session.subscriptionCount]));
  }
  if (names.length === 0) session.send(new PushReply([kind, null, session.subscriptionCount]));
  return NO_REPLY;
}
