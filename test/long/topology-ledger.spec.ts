import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { DiscoveryService, getClientToken, type HydraClient } from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const CALLS = 1_000_000;
const CONCURRENCY = 500;
/** One of so many is answered with an error. */
const FAILS_EVERY = 10_000;

/** What was handled: the ledger. */
const handled = { good: 0, bad: 0 };

@Controller()
class CountedController {
  @MessagePattern('count')
  count(@Payload() isGood: boolean): number {
    if (isGood) return ++handled.good;
    handled.bad++;
    throw new TypeError('no');
  }
}

describe('the edges of a million calls', () => {
  it('are exactly what was handled, with every error', async () => {
    const [callee, caller] = [uniqueService('counted'), uniqueService('counting')];
    const redis = await testRedisUrl();
    const health = { intervalMs: 1_000, ttlMs: 5_000 };
    const { app } = await startService({ service: callee, redis, health }, [CountedController]);
    const callers = await startCaller({ service: caller, redis, health, timeoutMs: 120_000 }, [callee]);
    const client = callers.app.get<HydraClient>(getClientToken(callee));
    await client.connect();
    let begun = 0;
    const work = async () => {
      while (begun < CALLS) {
        const isGood = ++begun % FAILS_EVERY !== 0;
        await firstValueFrom(client.send<number>('count', isGood)).catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    expect(handled).toEqual({ good: CALLS - CALLS / FAILS_EVERY, bad: CALLS / FAILS_EVERY });
    const topology = () => app.get(DiscoveryService).topology();
    const edge = await eventually(
      async () => {
        const { edges } = await topology();
        return edges.find(({ from, to, calls }) => from === caller && to === callee && calls >= CALLS);
      },
      { what: 'the edge of all calls', timeoutMs: 30_000 },
    );
    expect(edge).toMatchObject({ kind: 'call', pattern: 'count', calls: CALLS, errors: handled.bad });
  }, 600_000);
});
