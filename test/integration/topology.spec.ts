import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import {
  DiscoveryService,
  HydraClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  getClientToken,
  type Topology,
} from '../../lib/index.js';
import { startCaller, startService, type TestService } from '../support/app.js';
import { runInProcess } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { testRedisUrl } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';
import { HydraInstance } from '../../lib/hydra-instance.js';

const stream = uniqueService('drawn-entries');
/** What the handlers did: the ledger that the edges are compared with. */
const done: Record<string, number> = {};
const did = (what: string) => (done[what] = (done[what] ?? 0) + 1);

@Controller()
class DrawnController {
  @MessagePattern('sum')
  sum(@Payload() values: number[]): number {
    did('sum');
    return values.length;
  }

  @MessagePattern('fail')
  fail(): never {
    did('fail');
    throw new TypeError('no');
  }

  @QueuePattern('work', { attempts: 1 })
  work(@Payload() data: string): void {
    did('work');
    if (data === 'bad') throw new RangeError('bad work');
  }

  @StreamPattern(stream, { group: 'readers', from: 'beginning' })
  entry(): void {
    did('entry');
  }
}

const health = { intervalMs: 100, ttlMs: 1_000 };

describe('the topology', () => {
  let callee: string;
  let caller: string;
  let server: TestService;
  let client: HydraClient;
  let callers: Awaited<ReturnType<typeof startCaller>>;
  const topology = () => server.app.get(DiscoveryService).topology();
  const edge = ({ edges }: Topology, kind: string, pattern: string) =>
    edges.find((one) => one.kind === kind && one.pattern === pattern && [caller, callee].includes(one.from));

  beforeAll(async () => {
    [callee, caller] = [uniqueService('drawn'), uniqueService('drawing')];
    const redis = await testRedisUrl();
    server = await startService({ service: callee, redis, health }, [DrawnController]);
    callers = await startCaller({ service: caller, redis, health }, [callee]);
    client = callers.app.get<HydraClient>(getClientToken(callee));
    await client.connect();
  });

  it('has every call, job and entry exactly as often as it was made, with errors and durations', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => firstValueFrom(client.send('sum', [1]))));
    const failing = Array.from({ length: 20 }, () => firstValueFrom(client.send('fail', {})));
    expect((await Promise.allSettled(failing)).every(({ status }) => status === 'rejected')).toBe(true);
    const queue = callers.app.get(QueueService);
    const jobs = ['good', 'good', 'bad'].map((data) => queue.add('work', data, { service: callee }));
    await Promise.allSettled(jobs.map((job) => job.result()));
    const streams = callers.app.get(StreamService);
    await Promise.all(Array.from({ length: 5 }, (_, n) => streams.publish(stream, { n })));
    await eventually(() => done['entry'] === 5, { what: 'the entries' });
    const found = await eventually(
      async () => {
        const now = await topology();
        const isWhole =
          edge(now, 'call', 'fail')?.calls === 20 &&
          edge(now, 'job', 'work')?.errors === 1 &&
          now.edges.some(({ from, calls }) => from === `stream:${stream}` && calls === 5) &&
          now.edges.some(({ to, calls }) => to === `stream:${stream}` && calls === 5);
        return isWhole ? now : undefined;
      },
      { what: 'all edges', timeoutMs: 20_000 },
    );
    expect(edge(found, 'call', 'sum')).toMatchObject({
      from: caller,
      to: callee,
      calls: done['sum'],
      errors: 0,
      p50Ms: expect.any(Number),
      p99Ms: expect.any(Number),
    });
    expect(edge(found, 'call', 'fail')).toMatchObject({
      calls: done['fail'],
      errors: 20,
      errorsByCode: { Error: 20 },
    });
    expect(edge(found, 'job', 'work')).toMatchObject({
      calls: done['work'],
      errorsByCode: { RangeError: 1 },
    });
    expect(found.edges.filter(({ from, to }) => [from, to].includes(`stream:${stream}`))).toMatchObject([
      { from: caller, to: `stream:${stream}`, calls: 5, errors: 0 },
      { from: `stream:${stream}`, to: callee, pattern: 'readers', calls: done['entry'] },
    ]);
    expect(found.nodes).toContainEqual({ name: callee, kind: 'service', instances: 1 });
    expect(found.nodes).toContainEqual({ name: `stream:${stream}`, kind: 'stream', instances: 0 });
  });

  it('is shown on the command line', async () => {
    const { code, out } = await runInProcess(['--redis', await testRedisUrl(), 'topology']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^${caller} +${callee} +call +sum +1000 .* ms +[\\d.]+ ms$`, 'm'));
    const json = await runInProcess(['--redis', await testRedisUrl(), '--json', 'topology']);
    expect(edge(JSON.parse(json.out) as Topology, 'call', 'sum')).toMatchObject({ calls: 1_000 });
  });

  it('tells a rate while there is one, and is not written while nothing happens', async () => {
    const { keys, redis, id } = callers.app.get(HydraInstance);
    const key = keys.edges(caller, id);
    const leftMs = () => redis.commands.pttl(key);
    await eventually(
      async () => {
        await firstValueFrom(client.send('sum', [1]));
        return edge(await topology(), 'call', 'sum')!.ratePerS > 0;
      },
      { what: 'a rate', timeoutMs: 20_000 },
    );
    await eventually(async () => edge(await topology(), 'call', 'sum')!.ratePerS === 0, {
      what: 'no rate',
      timeoutMs: 20_000,
    });
    const [before, discovery] = [await leftMs(), server.app.get(DiscoveryService)];
    const sampled = async () => (await discovery.health(caller))[0]?.sampledOn;
    for (let records = 0; records < 5; records++) {
      const last = await sampled();
      await eventually(async () => (await sampled()) !== last, {
        what: 'a health record',
        timeoutMs: 20_000,
      });
    }
    // Written again, it would live for another hour.
    expect(await leftMs()).toBeLessThan(before);
  });

  it('forgets an instance that has stopped', async () => {
    await callers.close();
    await eventually(async () => edge(await topology(), 'call', 'sum') === undefined, {
      what: 'its edges to be gone',
    });
  });
});
