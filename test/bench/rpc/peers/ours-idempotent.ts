import { firstValueFrom } from 'rxjs';

import { HydraRecordBuilder } from '../../support/hydra.js';
import type { Peer } from '../peer.js';
import { nestCalls } from './nest.js';
import { connectOurs, peer as ours } from './ours.js';

const harmless = (data: unknown) => new HydraRecordBuilder(data).setIdempotent(true).build();

/** Ours, where the caller says of each sum that twice does no harm. */
export const peer: Peer = {
  serve: (place) => ours.serve(place),
  async connect(place) {
    const client = await connectOurs(place);
    return {
      ...nestCalls(client),
      sum: (numbers) => firstValueFrom(client.send<number>('sum', harmless(numbers))),
    };
  },
};
