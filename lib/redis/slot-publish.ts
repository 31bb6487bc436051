import { Cluster, Command } from 'ioredis';

import { HydraError } from '../hydra-error.js';
import type { RedisClient } from './connection/driver.js';

/** How many channels have their slot remembered. */
const KNOWN_CHANNELS = 10_000;

const slots = new Map<string, number>();

/** Publishes, and resolves with the receivers that the node counts. */
export function publishOn(client: RedisClient, channel: string, message: string): Promise<number> {
  return client instanceof Cluster
    ? publishBySlot(client, channel, message)
    : client.publish(channel, message);
}

/**
 * Publishes through the node that owns the slot of the channel, so that all messages of one process to one channel keep
 * their order. Otherwise the driver sends a command without a key through another node each time.
 *
 * It is not sent again when the connection of the node breaks. The driver would send it again, and the message could be
 * published twice.
 *
 * @throws HydraError `REDIS_UNAVAILABLE`, never sent, when there is no connection to the node; else as the driver does
 */
async function publishBySlot(cluster: Cluster, channel: string, message: string): Promise<number> {
  const command = new Command('publish', [channel, message], { replyEncoding: 'utf8' });
  const answer = cluster.sendCommand(command, undefined, { slot: slotOf(channel) }) as Promise<number>;
  // The driver refuses it at once when there is nothing to write it to.
  if (!command.isSettled) return answer;
  const cause: unknown = await answer.catch((error: unknown) => error);
  // If only messages are sent to the owner, nothing else notices that it is gone.
  cluster.refreshSlotsCache();
  throw new HydraError('REDIS_UNAVAILABLE', `PUBLISH to ${channel}: no connection to the node of its slot`, {
    cause,
    mayHaveRun: false,
  });
}

/**
 * Publishes within the shard that owns the slot of the channel, and resolves with how many subscribers of it were there. All
 * of them are at that node: 0 means nobody.
 *
 * Rejects as the driver does, also where Redis has no sharded pub/sub.
 */
export function publishToShard(cluster: Cluster, channel: string, message: string): Promise<number> {
  const command = new Command('spublish', [channel, message], { replyEncoding: 'utf8' });
  return cluster.sendCommand(command) as Promise<number>;
}

/** How many subscribe to a channel within its shard; rejects as {@link publishToShard} does. */
export async function countShardSubscribers(cluster: Cluster, channel: string): Promise<number> {
  const command = new Command('pubsub', ['SHARDNUMSUB', channel], { replyEncoding: 'utf8' });
  const answer = (await cluster.sendCommand(command, undefined, { slot: slotOf(channel) })) as [
    string,
    number,
  ];
  return answer[1];
}

/** Connects to every node beforehand: the driver does so with the first command, and refuses those that come meanwhile. */
export function connectNodes(cluster: Cluster): void {
  const connect = () => {
    for (const node of cluster.nodes('master'))
      if (node.status === 'wait') node.connect().catch(() => undefined);
  };
  cluster.on('ready', connect).on('+node', connect);
}

/** The slot of a channel, or of a key. */
export function slotOf(channel: string): number {
  const known = slots.get(channel);
  if (known !== undefined) return known;
  if (slots.size >= KNOWN_CHANNELS) slots.clear();
  // The driver finds the node by the key of this command; for the driver, the channel of PUBLISH is not a key.
  const slot = new Command('spublish', [channel, '']).getSlot();
  slots.set(channel, slot);
  return slot;
}
