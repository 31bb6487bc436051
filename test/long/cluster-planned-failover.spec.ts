import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom, toArray } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';

import { HydraClient } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startCluster } from '../support/topology.js';
import { uniqueService } from '../support/unique.js';

const ROUNDS = 4;
const PRIMARIES = 3;
const STREAMS = 8;
const VALUES = Array.from({ length: 45 }, (_, n) => n);

@Controller()
class RowsController {
  @MessagePattern('rows')
  async *rows(): AsyncGenerator<number> {
    for (const value of VALUES) {
      yield value;
      await sleep(100);
    }
  }
}

describe('on a Cluster whose primaries all change places with their replicas', () => {
  it('every streamed answer is whole, although all subscriptions are made again at once', async () => {
    const cluster = await startCluster(true);
    const redis = { cluster: cluster.seeds };
    const service = uniqueService('rows');
    await Promise.all([1, 2].map(() => startService({ service, redis }, [RowsController])));
    const client = new HydraClient({ service, redis, timeoutMs: 20_000 });
    atEnd(() => client.close());
    await client.connect();
    await eventually(() => client.instances.length === 2, { what: 'both instances', timeoutMs: 20_000 });
    for (let round = 0; round < ROUNDS; round++) {
      const answer = () => firstValueFrom(client.send<number>('rows', {}).pipe(toArray()));
      const answers = Promise.all(Array.from({ length: STREAMS }, answer));
      await sleep(1_500);
      const firstReplica = round % 2 === 0 ? PRIMARIES : 0;
      for (let n = 0; n < PRIMARIES; n++) await cluster.on(n + firstReplica, 'CLUSTER', 'FAILOVER');
      expect(await answers).toEqual(Array.from({ length: STREAMS }, () => VALUES));
    }
  }, 120_000);
});
