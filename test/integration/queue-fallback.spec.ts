import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, type Observable } from 'rxjs';

import {
  getClientToken,
  HydraClient,
  HydraJobContext,
  HydraQueued,
  HydraRecordBuilder,
  QueuePattern,
  QueueService,
  type HydraClientOptions,
  type RedisLocation,
} from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { allow, asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Handled {
  readonly how: 'call' | 'event' | 'job';
  readonly data: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly id?: string;
}

const handled: Handled[] = [];

@Controller()
class ChargeController {
  @MessagePattern('charge')
  charge(@Payload() data: unknown): string {
    handled.push({ how: 'call', data });
    return 'charged';
  }

  @EventPattern('seen')
  seen(@Payload() data: unknown): void {
    handled.push({ how: 'event', data });
  }

  @QueuePattern('charge')
  chargeLater(@Payload() data: unknown, @Ctx() job: HydraJobContext): void {
    handled.push({ how: 'job', data, headers: job.getMetadata(), id: job.id });
  }

  @QueuePattern('seen')
  seenLater(@Payload() data: unknown, @Ctx() job: HydraJobContext): void {
    handled.push({ how: 'job', data, headers: job.getMetadata(), id: job.id });
  }
}

const record = (data: unknown) =>
  new HydraRecordBuilder(data).setHeaders({ tenant: 'a' }).setFallback('queue').build();

const value = (answer: Observable<unknown>) =>
  firstValueFrom(answer, { defaultValue: undefined }).catch((error: unknown) => error);

let service: string;
let redis: RedisLocation;
let queue: QueueService;
let client: HydraClient;
const clients: HydraClient[] = [];

function alone(options: Partial<HydraClientOptions> = {}): HydraClient {
  // What nobody takes becomes a job.
  allow('hydra-client', { queues: [service] });
  const made = new HydraClient(asOwnClient({ service, redis, ...options }));
  clients.push(made);
  return made;
}

beforeEach(async () => {
  handled.length = 0;
  service = uniqueService('fallback');
  redis = await testRedis();
  const { app } = await startCaller(
    { service: allow(uniqueService('shop'), { calls: [service], queues: [service] }), redis },
    [service],
  );
  queue = app.get(QueueService);
  client = app.get<HydraClient>(getClientToken(service));
});

afterEach(() => Promise.all(clients.splice(0).map((made) => made.close())));

const waiting = async () => (await queue.list('waiting', { service })).length;

describe('a call with the fallback queue', () => {
  it('is handled once, as a job, when an instance comes up', async () => {
    const data = { amount: 7, blob: Buffer.from([0, 255]) };
    const queued = await value(client.send('charge', record(data)));
    expect(queued).toBeInstanceOf(HydraQueued);
    expect(queued).toMatchObject({ service, pattern: 'charge' });
    const { id } = queued as HydraQueued;
    expect(await queue.list('waiting', { service })).toMatchObject([{ id, pattern: 'charge' }]);
    const server = await startService({ service, redis }, [ChargeController]);
    await eventually(async () => (await queue.counts(service)).completed === 1, { what: 'the job' });
    expect(handled).toEqual([{ how: 'job', data, headers: { tenant: 'a' }, id }]);
    await server.close();
  });

  it('is answered by an instance that is up', async () => {
    const server = await startService({ service, redis }, [ChargeController]);
    expect(await value(client.send('charge', record(1)))).toBe('charged');
    await lastValueFrom(client.emit('seen', record(2)), { defaultValue: undefined });
    await eventually(() => handled.length === 2, { what: 'both' });
    expect(handled.map(({ how }) => how)).toEqual(['call', 'event']);
    expect(await queue.counts(service)).toMatchObject({ waiting: 0, active: 0, completed: 0 });
    await server.close();
  });

  it('is queued for an event too, and by a client that stands alone', async () => {
    const solo = alone();
    const event = await value(solo.emit('seen', record({ page: 1 })));
    const call = await value(solo.send({ cmd: 'charge', v: 2 }, record(0)));
    expect([event, call]).toEqual([expect.any(HydraQueued), expect.any(HydraQueued)]);
    expect(await queue.list('waiting', { service })).toMatchObject([
      { id: (event as HydraQueued).id, pattern: 'seen', data: { page: 1 } },
      { id: (call as HydraQueued).id, pattern: '{"cmd":"charge","v":2}', data: 0 },
    ]);
  });

  it('fails without it, and where one instance, a version or all instances were meant', async () => {
    const failures = await Promise.all([
      value(client.send('charge', new HydraRecordBuilder(1).build())),
      value(client.to('0'.repeat(32)).send('charge', record(1))),
      value(alone({ version: '^2' }).send('charge', record(1))),
      value(client.broadcast('charge', record(1))),
    ]);
    expect(failures).toEqual(failures.map(() => expect.objectContaining({ code: 'NO_INSTANCE' })));
    expect(await waiting()).toBe(0);
  });

  it('is not queued when an instance is up and refuses it', async () => {
    const server = await startService({ service, redis, calls: { maxConcurrency: 1, maxWaiting: 0 } }, [
      BusyController,
    ]);
    const first = value(client.send('busy', 1));
    await eventually(() => handled.length === 1, { what: 'the first call' });
    expect(await value(client.send('busy', record(2)))).toMatchObject({ code: 'OVERLOADED' });
    expect(await waiting()).toBe(0);
    await server.close();
    await first;
  });

  it('refuses what cannot travel, and stores nothing', async () => {
    const small = alone({ maxPayloadBytes: 1_000 });
    const huge = await value(small.send('charge', record('x'.repeat(2_000))));
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(huge).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(await value(client.send('charge', record(cycle)))).toMatchObject({ code: 'BAD_PAYLOAD' });
    expect(await value(client.emit('seen', record(1n)))).toMatchObject({ code: 'BAD_PAYLOAD' });
    expect(await waiting()).toBe(0);
  });

  it('is refused beside a serializer, and its acknowledgement passes a deserializer untouched', async () => {
    const coded = alone({ serializer: { serialize: (packet: unknown) => packet } });
    expect(await value(coded.send('charge', record(1)))).toMatchObject({ code: 'BAD_OPTION' });
    const deserialize = () => ({ response: 'changed', isDisposed: true });
    const decoded = await value(alone({ deserializer: { deserialize } }).send('charge', record(1)));
    expect(decoded).toBeInstanceOf(HydraQueued);
  });
});

@Controller()
class BusyController {
  @MessagePattern('busy')
  busy(@Payload() data: unknown): Promise<void> {
    handled.push({ how: 'call', data });
    return new Promise((resolve) => setTimeout(resolve, 300));
  }
}

describe('a record', () => {
  it("knows no fallback but 'queue'", () => {
    expect(() => new HydraRecordBuilder(1).setFallback('stream' as never)).toThrow(
      "[BAD_OPTION] the fallback of a record must be 'queue', got stream",
    );
  });
});
