import { Redis, type Cluster } from 'ioredis';

/** Breaks a connection off without asking the peer, who may be gone; the driver then makes a new one. */
export function dropConnection(client: Redis | Cluster): void {
  const links = client instanceof Redis ? [client] : client.nodes('all');
  for (const { stream } of links) stream?.destroy(new Error('no answer'));
}

/**
 * Ends a connection that no longer answers. A peer that vanished without a FIN (a dropped route, a frozen proxy) leaves a
 * socket that TCP keeps for a quarter of an hour; an unanswered PING shows it within twice the interval.
 *
 * Cluster keeps its own watch over its nodes' connections.
 */
export function watchConnection(client: Redis | Cluster, intervalMs: number): void {
  if (!(client instanceof Redis)) return;
  let awaiting: object | undefined;

  const forget = () => {
    awaiting = undefined;
  };
  const endIfStillAwaiting = () => {
    if (awaiting === undefined || awaiting !== client.stream) return;
    forget();
    // destroy(), because a polite end() waits for the peer that is not there.
    client.stream.destroy(new Error(`no answer to PING within ${intervalMs} ms`));
  };

  const timer = setInterval(() => {
    if (client.status !== 'ready') {
      awaiting = undefined;
      return;
    }
    if (awaiting === client.stream) {
      // After a long blocked turn the answer may lie unread in the socket: let it be read first.
      setImmediate(endIfStillAwaiting);
      return;
    }
    awaiting = client.stream;
    client.ping().then(forget, forget);
  }, intervalMs);
  timer.unref();
  client.once('end', () => clearInterval(timer));
}
