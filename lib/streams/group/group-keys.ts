import type { Keys } from '../../protocol/keys.js';

/** The keys of one consumer of one group. */
export interface GroupKeys {
  readonly stream: string;
  readonly order: string;
  readonly dead: string;
  readonly watch: string;
  readonly lost: string;
  /** The consumer's own heartbeat key. */
  readonly heartbeat: string;
  /** Every consumer's, up to its name. */
  readonly heartbeats: string;
}

export function groupKeys(
  keys: Keys,
  {
    stream,
    group,
    consumer = '',
  }: { readonly stream: string; readonly group: string; readonly consumer?: string },
): GroupKeys {
  return {
    stream: keys.stream(stream),
    order: keys.ownStream(stream, 'order', group),
    dead: keys.ownStream(stream, 'dead', group),
    watch: keys.ownStream(stream, 'watch', group),
    lost: keys.ownStream(stream, 'lost', group),
    heartbeat: keys.ownStream(stream, 'consumer', group, consumer),
    heartbeats: keys.ownStream(stream, 'consumer', group, ''),
  };
}
