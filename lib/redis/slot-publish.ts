import { Cluster, Command } from 'ioredis';

import { HydraError } from '../hydra-error.js';
import type { RedisClient } from './connection/driver.js';

/** Channels whose slot is remembered. */
const KNOWN_CHANNELS = 10_000;

const slots = new Map<string, number>();

/** Publishes, and resolves with the receivers that the node counts. */
export function publishOn(client: RedisClient, channel: string, message: string): Promise<number> {
  return client instanceof Cluster
    ? publishBySlot(client, channel, message)
    : client.publish(channel, message);
}

/**
 * Publishes by the node that owns the slot of the channel, so that what one process sends to one channel goes one way and
 * keeps its order. Left to itself the driver sends a command without a key by another node each time.
 *
 * It is not sent again when the node's connection breaks: the driver would, and what was published would be so twice.
 *
 * @throws HydraError `REDIS_UNAVAILABLE`, never sent, when there is no connection to the node; else as the driver does
 */
async function publishBySlot(cluster: Cluster, channel: string, message: string): Promise<number> {
  const command = new Command('publish', [channel, message], { replyEncoding: 'utf8' });
  const answer = cluster.sendCommand(command, undefined, { slot: slotOf(channel) }) as Promise<number>;
  // The driver refuses it at once when there is nothing to write it to.
  if (!command.isSettled) return answer;
  const cause: unknown = await answer.catch((error: unknown) => error);
  // Nobody else notices that the owner is gone where only messages go to it.
  cluster.refreshSlotsCache();
  throw new HydraError('REDIS_UNAVAILABLE', `PUBLISH to ${channel}: no connection to the node of its slot`, {
    cause,
    mayHaveRun: false,
  });
}

/** Connects to every node beforehand: the driver does so with the first command, and refuses those that come meanwhile. */
export function connectNodes(cluster: Cluster): void {
  const connect = () => {
    for (const node of cluster.nodes('master'))
      if (node.status === 'wait') node.connect().catch(() => undefined);
  };
  cluster.on('ready', connect).on('+node', connect);
}

function slotOf(channel: string): number {
  const known = slots.get(channel);
  if (known !== undefined) return known;
  if (slots.size >= KNOWN_CHANNELS) slots.clear();
  // The driver knows where the key of this one stands, which a channel of PUBLISH is not to it.
  const slot = new Command('spublish', [channel, '']).getSlot();
  slots.set(channel, slot);
  return slot;
}
