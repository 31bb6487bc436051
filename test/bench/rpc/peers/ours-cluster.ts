import { HydraClient, HydraModule, HydraServer } from '../../support/hydra.js';
import type { Peer, Place } from '../peer.js';
import { nestCalls, serveNest } from './nest.js';

const SERVICE = process.env['BENCH_SERVICE'] ?? 'math';

/** Where the Cluster is, as JSON in the place of the URL. */
function location({ redisUrl }: Place) {
  return JSON.parse(redisUrl) as { cluster: { host: string; port: number }[] };
}

export const peer: Peer = {
  serve: (place) =>
    serveNest({ inject: [HydraServer], useFactory: (strategy: object) => ({ strategy }) }, [
      HydraModule.forRoot({ service: SERVICE, redis: location(place) }),
    ]),
  async connect(place) {
    const client = new HydraClient({ service: SERVICE, redis: location(place) });
    await client.connect();
    return nestCalls(client);
  },
};
