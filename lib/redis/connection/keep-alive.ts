import { Redis, type Cluster } from 'ioredis';

import type { Clock, Timer } from '../../runtime/clock.js';

/** Closes a connection without waiting for the peer, which may be gone. */
export function dropConnection(client: Redis | Cluster, reason: Error = new Error('no answer')): void {
  const links = connectionsOf(client);
  // Its subscriber is not one of its nodes.
  if (!(client instanceof Redis) && isUp(client)) client.disconnect(true);
  for (const { stream } of links) stream?.destroy(reason);
}

export interface WatchOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** Sends PING, or another command instead; resolves with any answer. */
  readonly ping: (link: Redis) => Promise<unknown>;
  /**
   * When something was sent, by `monotonic()`, that shows what a PING does, and was answered or is waited for elsewhere: the next
   * PING is due an interval later. For a client with one connection.
   */
  readonly provenAt?: (() => number) | undefined;
}

/**
 * Ends a connection that no longer answers; the returned function ends the watch. A peer that vanished without a FIN (a
 * dropped route, a frozen proxy) leaves a socket that TCP keeps for a quarter of an hour; an unanswered PING shows it
 * within twice the interval. None is sent where something else has shown as much within the interval.
 */
export function watchConnection(
  client: Redis | Cluster,
  { clock, intervalMs, ping, provenAt = () => -Infinity }: WatchOptions,
): () => void {
  /** The socket of an unanswered PING. */
  const awaiting = new Map<Redis, Redis['stream']>();

  const endIfStillAwaiting = (link: Redis) => {
    if (!awaiting.has(link) || awaiting.get(link) !== link.stream) return;
    awaiting.delete(link);
    // destroy(), because end() waits for a peer that may be gone.
    link.stream.destroy(new Error(`no answer to PING within ${intervalMs} ms`));
  };
  const ask = (link: Redis) => {
    awaiting.set(link, link.stream);
    const forget = () => awaiting.delete(link);
    ping(link).then(forget, forget);
  };
  const look = (link: Redis) => {
    if (link.status !== 'ready') awaiting.delete(link);
    // After a long blocked tick the answer may be in the socket and not read yet. It is read first.
    else if (awaiting.get(link) === link.stream) clock.setImmediate(() => endIfStillAwaiting(link));
    else ask(link);
  };
  const check = () => {
    const links = connectionsOf(client);
    for (const link of awaiting.keys()) if (!links.includes(link)) awaiting.delete(link);
    const restMs = Math.ceil(provenAt() + intervalMs - clock.monotonic());
    const isProven = restMs > 0 && awaiting.size === 0;
    if (!isProven) links.forEach(look);
    checkIn(isProven ? restMs : intervalMs);
  };
  let timer: Timer | undefined;
  const checkIn = (ms: number) => {
    timer = clock.setTimeout(check, ms, { isUpkeep: true });
  };
  checkIn(intervalMs);
  return () => clock.clear(timer);
}

export interface HandshakeOptions {
  readonly clock: Clock;
  readonly limitMs: number;
  readonly isDone: () => boolean;
}

/**
 * Ends a connection whose peer accepted it and then does not answer the first commands: a frozen server, a proxy without
 * one behind it. The driver's own limit ends with TCP.
 */
export function limitHandshake(client: Redis | Cluster, options: HandshakeOptions): void {
  if (client instanceof Redis) return limitOf(client, options);
  client.on('+node', (node: Redis) => limitOf(node, { ...options, isDone: () => node.status === 'ready' }));
}

function limitOf(client: Redis, { clock, limitMs, isDone }: HandshakeOptions): void {
  client.on('connect', () => {
    const { stream } = client;
    const endIfNotDone = () => {
      if (client.stream !== stream || isDone()) return;
      stream.destroy(new Error(`no answer to the handshake within ${limitMs} ms`));
    };
    const timer = clock.setTimeout(() => clock.setImmediate(endIfNotDone), limitMs);
    stream.once('close', () => clock.clear(timer));
  });
}

function isUp({ status }: Cluster): boolean {
  return status === 'connecting' || status === 'connect' || status === 'ready';
}

/** Where a client has several, one to each node. */
function connectionsOf(client: Redis | Cluster): readonly Redis[] {
  return client instanceof Redis ? [client] : client.nodes('all');
}
