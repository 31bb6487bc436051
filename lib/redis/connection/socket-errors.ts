import type { Socket } from 'node:net';

import type { Redis } from 'ioredis';

/** What of the driver's connectors is used here: the second is that of Sentinel's, which asks them by clients of its own. */
interface Connector {
  connect(report: unknown): Promise<Socket>;
  connectToSentinel?(endpoint: unknown, options?: object): Redis;
}

/**
 * Keeps a second error of a socket from ending the process. The driver listens to the first one only, and TLS may tell two: a
 * write that failed, then the alert in which the server says why.
 */
export function surviveSocketErrors(client: Redis): Redis {
  const { connector } = client as unknown as { connector: Connector };
  const connect = connector.connect.bind(connector);
  connector.connect = async (report) => {
    const socket = await connect(report);
    return socket.on('error', () => undefined);
  };
  const connectToSentinel = connector.connectToSentinel?.bind(connector);
  if (connectToSentinel) {
    // It connects with its first command: before that its connector can be changed.
    connector.connectToSentinel = (endpoint, options) =>
      surviveSocketErrors(connectToSentinel(endpoint, { lazyConnect: true, ...options }));
  }
  return client;
}
