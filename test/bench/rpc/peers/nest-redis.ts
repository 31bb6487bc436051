import { ClientProxyFactory, Transport } from '@nestjs/microservices';

import type { Peer, Place } from '../peer.js';
import { nestCalls, serveNest } from './nest.js';

const transport = ({ redisUrl }: Place) => {
  const { hostname, port } = new URL(redisUrl);
  return { transport: Transport.REDIS as const, options: { host: hostname, port: Number(port) } };
};

export const peer: Peer = {
  serve: (place) => serveNest(transport(place)),
  async connect(place) {
    const client = ClientProxyFactory.create(transport(place));
    await client.connect();
    return nestCalls(client);
  },
};
