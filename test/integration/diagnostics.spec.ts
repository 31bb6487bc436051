import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { concat, firstValueFrom, lastValueFrom, of, defer } from 'rxjs';

import {
  DeliveryContext,
  HydraClient,
  HydraServer,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
  type BatchDiagnostic,
  type CallDiagnostic,
  type HandlerDiagnostic,
  type OutgoingHeaders,
} from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { allow, asOwnClient } from '../support/own-user.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const spans = new AsyncLocalStorage<string>();
const entered = new AsyncLocalStorage<string>();
let lastEntered: string | undefined;
const stream = uniqueService('observed-entries');
/** What handlers found around them: the store that an observer bound, and the header that one added. */
const found: (readonly [what: string, span: string | undefined, trace: string | undefined])[] = [];

const note = (what: string, context: DeliveryContext) => {
  lastEntered = entered.getStore();
  found.push([what, spans.getStore(), context.getMetadata()?.['traceparent']]);
};

@Controller()
class ObservedController {
  @MessagePattern('sum')
  sum(@Payload() values: number[], @Ctx() context: DeliveryContext): number {
    note('call', context);
    return values.reduce((sum, value) => sum + value, 0);
  }

  @MessagePattern('values')
  values(@Payload() _data: unknown, @Ctx() context: DeliveryContext) {
    return concat(
      of(1),
      defer(() => {
        note('values', context);
        return of(2);
      }),
    );
  }

  @MessagePattern('fail')
  fail(): never {
    throw new Error('no');
  }

  @QueuePattern('work', { attempts: 1 })
  work(@Payload() data: string, @Ctx() context: DeliveryContext): void {
    note('job', context);
    if (data === 'bad') throw new Error('bad work');
  }

  @StreamPattern(stream, { group: 'batches', batch: { size: 2 } })
  batch(@Payload() _data: unknown[], @Ctx() context: DeliveryContext): void {
    note('batch', context);
  }

  @StreamPattern(stream, { group: 'observers' })
  entry(@Payload() _data: unknown, @Ctx() context: DeliveryContext): void {
    note('entry', context);
  }
}

/** A server whose first source, that of calls, can be made to refuse them as at the beginning of a drain. */
interface Refusing {
  readonly sources: readonly { readonly reader: { refuse(): void } }[];
}

type Told = readonly [name: string, event: Record<string, unknown>];
const told: Told[] = [];

function listen(name: string): void {
  // A copy: one event grows from its start to its end.
  const listener = (event: unknown) => void told.push([name, { ...(event as object) }]);
  subscribe(name, listener);
  atEnd(() => void unsubscribe(name, listener));
}

const toldOn = (name: string, pattern?: string) =>
  told
    .filter(([heard, { pattern: p }]) => heard === name && (pattern === undefined || p === pattern))
    .map(([, event]) => event);

describe('an observer', () => {
  let server: TestService;
  let client: HydraClient;
  let service: string;

  beforeAll(async () => {
    service = allow(uniqueService('observed'), { consumes: [stream] });
    const redis = await testRedis();
    server = await startService({ service, redis }, [ObservedController]);
    client = new HydraClient(asOwnClient({ service, redis }));
    atEnd(() => client.close());
    await client.connect();
    const addHeader = (event: unknown) => {
      const { headers } = event as { headers: OutgoingHeaders };
      headers['traceparent'] = spans.getStore() ?? 'no span';
    };
    for (const name of ['hydra:call:start', 'hydra:job:adding', 'hydra:entry:publishing']) {
      subscribe(name, addHeader);
      atEnd(() => void unsubscribe(name, addHeader));
    }
    for (const name of ['hydra:handler:start', 'hydra:job:start', 'hydra:entry:start', 'hydra:batch:start']) {
      const start = channel(name);
      start.bindStore(spans, () => `handled ${name}`);
      atEnd(() => void start.unbindStore(spans));
    }
    for (const name of ['start', 'retry', 'end']) listen(`hydra:call:${name}`);
    for (const name of ['start', 'end', 'refused']) listen(`hydra:handler:${name}`);
    for (const name of ['added', 'start', 'end', 'dead']) listen(`hydra:job:${name}`);
    for (const name of ['published', 'start', 'end']) listen(`hydra:entry:${name}`);
    for (const name of ['start', 'end']) listen(`hydra:batch:${name}`);
    listen('hydra:instance:suspected');
    listen('hydra:breaker:state');
  });
  beforeEach(() => {
    told.length = 0;
    found.length = 0;
  });

  it('sees a whole call on both sides, with the headers it added and the handler in the store it bound', async () => {
    expect(await spans.run('the caller', () => firstValueFrom(client.send('sum', [1, 2])))).toBe(3);
    expect(found).toEqual([['call', 'handled hydra:handler:start', 'the caller']]);
    expect(toldOn('hydra:call:start')).toMatchObject([
      { kind: 'call', service, pattern: 'sum', attempts: 0 },
    ]);
    const [end] = toldOn('hydra:call:end') as unknown as CallDiagnostic[];
    expect(end).toMatchObject({ attempts: 1, targetId: server.id, error: undefined });
    expect(end!.payloadBytes).toBeGreaterThan('[1,2]'.length);
    expect(end!.durationMs).toBeGreaterThan(0);
    expect(toldOn('hydra:handler:end')).toMatchObject([
      { kind: 'call', instanceId: server.id, pattern: 'sum', headers: { traceparent: 'the caller' } },
    ]);
  });

  it('gives each of two calls that leave together the context of its own sender', async () => {
    await Promise.all(['a', 'b'].map((name) => spans.run(name, () => lastValueFrom(client.send('sum', [])))));
    expect(new Set(found.map(([, , trace]) => trace))).toEqual(new Set(['a', 'b']));
  });

  it('has the values of a stream in the same store as its handler', async () => {
    expect(await lastValueFrom(client.send('values', {}))).toBe(2);
    expect(found).toEqual([['values', 'handled hydra:handler:start', 'no span']]);
  });

  it('sees what a call failed with, and one that no handler took', async () => {
    await expect(firstValueFrom(client.send('fail', {}))).rejects.toBeDefined();
    expect(toldOn('hydra:call:end', 'fail')[0]!['error']).toMatchObject({ status: 'error' });
    expect(toldOn('hydra:handler:end', 'fail')[0]!['error']).toBeDefined();
    await expect(firstValueFrom(client.send('nowhere', {}))).rejects.toMatchObject({ code: 'NO_HANDLER' });
    expect(toldOn('hydra:handler:refused')).toMatchObject([
      { pattern: 'nowhere', isKnown: false, code: 'NO_HANDLER', headers: { traceparent: 'no span' } },
    ]);
  });

  it('sees a retry, with the number of attempts', async () => {
    const other = await startService({ service, redis: await testRedis() }, [ObservedController]);
    await eventually(() => client.instances.length === 2, { what: 'the second instance' });
    const { sources } = other.app.get<unknown, Refusing>(HydraServer);
    sources[0]!.reader.refuse();
    await eventually(
      async () => {
        await firstValueFrom(client.send('sum', [1]));
        return toldOn('hydra:call:retry').length > 0;
      },
      { what: 'a call that is sent again' },
    );
    expect(toldOn('hydra:call:retry')[0]).toMatchObject({ attempts: 2, targetId: server.id });
    await other.close();
  });

  it('sees a job, and one that is given up', async () => {
    const queue = server.app.get(QueueService);
    const job = await spans.run('the producer', () => queue.add('work', 'good'));
    await job.result();
    expect(found).toEqual([['job', 'handled hydra:job:start', 'the producer']]);
    expect(toldOn('hydra:job:added')).toMatchObject([
      { service, queue: 'default', id: job.id, error: undefined },
    ]);
    expect(toldOn('hydra:job:end')).toMatchObject([{ id: job.id, attempt: 1, error: undefined }]);
    await expect(queue.add('work', 'bad').result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(toldOn('hydra:job:dead')).toMatchObject([
      { pattern: 'work', attempts: 1, reason: 'Error: bad work' },
    ]);
    expect(toldOn('hydra:job:end').at(-1)!['error']).toMatchObject({ message: 'bad work' });
  });

  it('sees an entry', async () => {
    const streams = server.app.get(StreamService);
    const id = await spans.run('the publisher', () => streams.publish(stream, { a: 1 }));
    await eventually(() => toldOn('hydra:entry:end').length > 0, { what: 'the entry' });
    await eventually(() => toldOn('hydra:batch:end').length > 0, { what: 'the batch of the other group' });
    expect(found).toContainEqual(['entry', 'handled hydra:entry:start', 'the publisher']);
    expect(toldOn('hydra:entry:published')).toMatchObject([{ stream, id, error: undefined }]);
    expect(toldOn('hydra:entry:end')).toMatchObject([{ stream, group: 'observers', id, attempt: 1 }]);
  });

  it('sees a batch, with the headers of each of its entries and the handler in the store it bound', async () => {
    const streams = server.app.get(StreamService);
    const ids = await Promise.all(
      ['a', 'b'].map((name) => spans.run(name, () => streams.publish(stream, { name }))),
    );
    const batches = () => toldOn('hydra:batch:end') as unknown as BatchDiagnostic[];
    const entries = () => batches().flatMap((batch) => batch.entries);
    await eventually(() => entries().length === 2, { what: 'both entries, in one batch or two' });
    expect(entries().map(({ id }) => id)).toEqual(ids);
    expect(entries().map(({ headers }) => headers['traceparent'])).toEqual(['a', 'b']);
    expect(found).toContainEqual(['batch', 'handled hydra:batch:start', undefined]);
  });

  it('has a handler run in what it enters by a function', async () => {
    const enter = (event: unknown) => {
      (event as HandlerDiagnostic).runIn = (run) => entered.run('by a function', run);
    };
    subscribe('hydra:handler:start', enter);
    await firstValueFrom(client.send('sum', [1]));
    unsubscribe('hydra:handler:start', enter);
    expect(found).toEqual([['call', 'handled hydra:handler:start', 'no span']]);
    expect(lastEntered).toBe('by a function');
  });

  it('sees an instance that is not reached, and one that the breaker leaves out', async () => {
    const { breaker } = client['instance'].calls.chooser;
    const view = await client['instance'].discovery.viewOf(service);
    view.suspect(server.id, 'unreached');
    expect(toldOn('hydra:instance:suspected')).toMatchObject([
      { service, targetId: server.id, why: 'unreached' },
    ]);
    const [instance] = client.instances;
    for (let failures = 0; failures < 5; failures++) client['instance'].calls.chooser.failed(instance!);
    expect(breaker.states()).toMatchObject([{ instanceId: server.id, service, state: 'open' }]);
    expect(toldOn('hydra:breaker:state')).toMatchObject([
      { service, targetId: server.id, state: 'open', failures: 5 },
    ]);
    await firstValueFrom(client.send('sum', [1]));
    expect(toldOn('hydra:breaker:state').at(-1)).toMatchObject({ state: 'closed' });
  });
});
