import { createRequire } from 'node:module';

import { CONCURRENCY, type Peer, type Reading } from '../peer.js';

const KEY = 'bench.moleculer';
const GROUP = 'moleculer';

/** What is used of Moleculer; its own types are there only once the peers are installed. */
interface Broker {
  createService(schema: object): void;
  start(): Promise<void>;
  sendToChannel(name: string, data: unknown): Promise<void>;
}

const require = createRequire(import.meta.url);

function brokerOn(url: string): Broker {
  const { ServiceBroker } = require('moleculer') as { ServiceBroker: new (options: object) => Broker };
  const { Middleware } = require('@moleculer/channels') as { Middleware: (options: object) => object };
  const middleware = Middleware({ adapter: { type: 'Redis', options: { redis: { url } } } });
  return new ServiceBroker({ nodeID: `node-${process.pid}`, logger: false, middlewares: [middleware] });
}

export const peer: Peer = {
  key: KEY,
  fields: ['payload', '%s'],
  group: GROUP,

  async consume(redisUrl, handle) {
    const broker = brokerOn(redisUrl);
    const handler = (reading: Reading) => handle(reading);
    broker.createService({
      name: 'readings',
      channels: { [KEY]: { group: GROUP, maxInFlight: CONCURRENCY, handler } },
    });
    await broker.start();
  },

  async publish(redisUrl) {
    const broker = brokerOn(redisUrl);
    await broker.start();
    return (reading) => broker.sendToChannel(KEY, reading);
  },
};
