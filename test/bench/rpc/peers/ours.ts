import { HydraClient, HydraModule, HydraServer } from '../../support/hydra.js';
import type { Peer, Place } from '../peer.js';
import { nestCalls, serveNest } from './nest.js';

const SERVICE = process.env['BENCH_SERVICE'] ?? 'math';
const BALANCER = process.env['BENCH_BALANCER'] as 'p2c' | 'round-robin' | undefined;

export async function connectOurs({ redisUrl }: Place) {
  const client = new HydraClient({ service: SERVICE, redis: redisUrl, balancer: BALANCER ?? 'p2c' });
  await client.connect();
  return client;
}

export const peer: Peer = {
  serve: ({ redisUrl }) =>
    serveNest({ inject: [HydraServer], useFactory: (strategy: object) => ({ strategy }) }, [
      HydraModule.forRoot({ service: SERVICE, redis: redisUrl }),
    ]),
  connect: async (place) => nestCalls(await connectOurs(place)),
};
