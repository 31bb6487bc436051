import { createRequire } from 'node:module';

import { sum, type Body, type Peer } from '../peer.js';

/** What is used of Moleculer; its own types are there only once the peers are installed. */
interface Broker {
  createService(schema: object): void;
  start(): Promise<void>;
  waitForServices(name: string): Promise<void>;
  call<T>(action: string, params: object): Promise<T>;
}

const require = createRequire(import.meta.url);

async function startBroker(redisUrl: string, services: readonly object[] = []): Promise<Broker> {
  const { ServiceBroker } = require('moleculer') as { ServiceBroker: new (options: object) => Broker };
  const broker = new ServiceBroker({ nodeID: `bench-${process.pid}`, transporter: redisUrl, logger: false });
  for (const service of services) broker.createService(service);
  await broker.start();
  return broker;
}

const math = {
  name: 'math',
  actions: {
    sum: ({ params }: { params: { numbers: number[] } }) => sum(params.numbers),
    echo: ({ params }: { params: Body }) => params,
  },
};

export const peer: Peer = {
  serve: ({ redisUrl }) => startBroker(redisUrl, [math]),
  async connect({ redisUrl }) {
    const broker = await startBroker(redisUrl);
    await broker.waitForServices('math');
    return {
      sum: (numbers) => broker.call('math.sum', { numbers }),
      echo: (body) => broker.call('math.echo', body),
    };
  },
};
