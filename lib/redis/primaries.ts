import { Cluster, type Redis } from 'ioredis';

import type { RedisClient } from './redis-connections.js';
import { slotOf } from './slot-publish.js';

/** A server that holds keys. */
export interface Primary {
  /** Its address; undefined where there is one server. */
  readonly name: string | undefined;
  readonly client: Redis;
  /** Whether it holds this key. */
  owns(key: string): boolean;
}

/** The one server, or each primary of a Cluster. */
export function primariesOf(client: RedisClient): readonly Primary[] {
  if (!(client instanceof Cluster)) return [{ name: undefined, client, owns: () => true }];
  return client.nodes('master').map((node) => {
    const name = `${node.options.host}:${node.options.port}`;
    return { name, client: node, owns: (key) => client.slots[slotOf(key)]?.[0] === name };
  });
}
