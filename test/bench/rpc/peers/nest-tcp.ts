import { ClientProxyFactory, Transport } from '@nestjs/microservices';

import type { Peer, Place } from '../peer.js';
import { nestCalls, serveNest } from './nest.js';

const transport = ({ tcpPort }: Place) => ({
  transport: Transport.TCP as const,
  options: { host: '127.0.0.1', port: tcpPort },
});

export const peer: Peer = {
  serve: (place) => serveNest(transport(place)),
  async connect(place) {
    const client = ClientProxyFactory.create(transport(place));
    await client.connect();
    return nestCalls(client);
  },
};
