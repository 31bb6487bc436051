import type { Socket } from 'node:net';

import type { Redis } from 'ioredis';

import { joinWrites } from './joined-writes.js';

/** What of the driver's connectors is used here: the second is that of Sentinel's, which asks them by clients of its own. */
interface Connector {
  connect(report: unknown): Promise<Socket>;
  connectToSentinel?(endpoint: unknown, options?: object): Redis;
}

/**
 * Changes each socket that the driver connects. A second error of it does not end the process: the driver listens to the first
 * one only, and TLS may tell two, a write that failed and then the alert in which the server says why. And what is written in
 * one tick is sent at once, see {@link joinWrites}.
 */
export function prepareSockets(client: Redis): Redis {
  const { connector } = client as unknown as { connector: Connector };
  const connect = connector.connect.bind(connector);
  connector.connect = async (report) => {
    const socket = await connect(report);
    return joinWrites(socket.on('error', () => undefined));
  };
  const connectToSentinel = connector.connectToSentinel?.bind(connector);
  if (connectToSentinel) {
    // It connects with its first command: before that its connector can be changed.
    connector.connectToSentinel = (endpoint, options) =>
      prepareSockets(connectToSentinel(endpoint, { lazyConnect: true, ...options }));
  }
  return client;
}
