import { ClientProxyFactory, Transport } from '@nestjs/microservices';

import type { Peer, Place } from '../peer.js';
import { nestCalls, serveNest } from './nest.js';

const transport = ({ natsUrl }: Place) => ({
  transport: Transport.NATS as const,
  options: { servers: [natsUrl], queue: 'math' },
});

export const peer: Peer = {
  serve: (place) => serveNest(transport(place)),
  async connect(place) {
    const client = ClientProxyFactory.create(transport(place));
    await client.connect();
    return nestCalls(client);
  },
};
