import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { ForbiddenException, Controller, UseGuards } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import { firstValueFrom } from 'rxjs';

import {
  HydraClient,
  HydraJobContext,
  HydraMetrics,
  QueuePattern,
  QueueService,
  Retry,
  StreamPattern,
  StreamService,
  type HydraOptions,
  type MetricFamily,
} from '../../lib/index.js';
import { freePort } from '../../tools/free-port.mjs';
import { appModule, startHybrid, startService, type TestService } from '../support/app.js';
import { allow } from '../support/own-user.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('measured-entries');
/** A service that reads the stream. */
const measured = (name: string) => allow(uniqueService(name), { consumes: [stream] });

@Controller()
class MeasuredController {
  @MessagePattern('sum')
  sum(@Payload() values: number[]): number {
    return values.reduce((sum, value) => sum + value, 0);
  }

  @MessagePattern('fail')
  fail(): never {
    throw new Error('no');
  }

  @EventPattern('created')
  created(@Payload() data: unknown): void {
    void data;
  }

  @QueuePattern('work', { attempts: 2, backoff: 1 })
  work(@Payload() data: string): void {
    if (data === 'bad') throw new RangeError('bad work');
  }

  @StreamPattern(stream, { group: 'measured', attempts: 1 })
  entry(@Payload() { isBad }: { isBad?: boolean }): void {
    if (isBad) throw new TypeError('bad entry');
  }
}

const refusing = {
  canActivate(): never {
    throw new ForbiddenException();
  },
};

/** Jobs that wait to be told to stop, or that begin several times. */
@Controller()
class StoppedController {
  static begun: string[] = [];

  @QueuePattern('ends')
  ends(@Ctx() context: HydraJobContext): Promise<string> {
    return untilTold(context).then(() => 'an outcome');
  }

  @QueuePattern('returned')
  returned(@Ctx() context: HydraJobContext): Promise<string> | string {
    if (StoppedController.begun.includes('returned')) return 'an outcome';
    return untilTold(context).then(() => Promise.reject(new Error('stopped')));
  }

  @QueuePattern('polls')
  polls(@Ctx() context: HydraJobContext): Retry | undefined {
    StoppedController.begun.push(context.getPattern());
    const isDone = StoppedController.begun.filter((pattern) => pattern === 'polls').length === 5;
    return isDone ? undefined : Retry.after(1, { attempt: false });
  }

  @UseGuards(refusing)
  @QueuePattern('guarded', { attempts: 1 })
  guarded(): void {}
}

function untilTold(context: HydraJobContext): Promise<void> {
  StoppedController.begun.push(context.getPattern());
  return new Promise((resolve) => context.signal.addEventListener('abort', () => resolve()));
}

/** One value of a metric; of a histogram, how many it counts. */
function valueOf(families: readonly MetricFamily[], name: string, labels: Record<string, string> = {}) {
  const family = families.find((one) => one.name === name);
  const found = [...(family?.values ?? [])].find((value) =>
    Object.entries(labels).every(([label, text]) => value.labels[label] === text),
  );
  if (!found) return undefined;
  return 'value' in found ? found.value : found.counts.reduce((sum, count) => sum + count, 0);
}

describe('the metrics of a process', () => {
  let server: TestService;
  let client: HydraClient;
  let service: string;
  let options: HydraOptions;
  const read = (name: string, labels?: Record<string, string>) =>
    valueOf(server.app.get(HydraMetrics).families(), name, labels);
  const readClient = (name: string, labels?: Record<string, string>) =>
    valueOf(client['instance'].metrics!.collect(), name, labels);

  beforeAll(async () => {
    service = measured('measured');
    options = { service, redis: await testRedis() };
    server = await startService(options, [MeasuredController]);
    client = new HydraClient(options);
    atEnd(() => client.close());
    await client.connect();
  });

  it('count calls, events and their errors on both sides, whether or not a handler was reached', async () => {
    await Promise.all([1, 2, 3].map((n) => firstValueFrom(client.send('sum', [n]))));
    await expect(firstValueFrom(client.send('fail', {}))).rejects.toBeDefined();
    await expect(firstValueFrom(client.send('nowhere', {}))).rejects.toMatchObject({ code: 'NO_HANDLER' });
    await firstValueFrom(client.emit('created', {}), { defaultValue: undefined });
    await eventually(() => read('hydra_server_call_duration_seconds', { kind: 'event' }) === 1, {
      what: 'the event',
    });
    const callee = { callee: service };
    expect(readClient('hydra_client_call_duration_seconds', { ...callee, pattern: 'sum' })).toBe(3);
    expect(readClient('hydra_client_call_errors_total', { ...callee, pattern: 'fail' })).toBe(1);
    expect(readClient('hydra_client_event_duration_seconds', { ...callee, pattern: 'created' })).toBe(1);
    expect(read('hydra_server_call_duration_seconds', { kind: 'call', pattern: 'sum' })).toBe(3);
    expect(read('hydra_server_call_errors_total', { pattern: 'fail' })).toBe(1);
    // Its name came from outside: it is no label, on either side.
    const unknown = { pattern: '_OTHER', code: 'NO_HANDLER' };
    expect(readClient('hydra_client_call_errors_total', unknown)).toBe(1);
    expect(read('hydra_server_call_errors_total', unknown)).toBe(1);
    expect(readClient('hydra_items_sent_total')!).toBeGreaterThan(readClient('hydra_frames_sent_total')!);
    expect(readClient('hydra_message_size_characters', { kind: 'call' })).toBe(5);
    expect(read('hydra_message_size_characters', { kind: 'reply' })).toBeGreaterThan(2);
  });

  it('count jobs from their addition to their end, and read how deep the queue is', async () => {
    const queue = server.app.get(QueueService);
    await queue.add('work', 'good').result();
    await expect(queue.add('work', 'bad').result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    await queue.add('work', 'later', { delayMs: 600_000 });
    const place = { queue: 'default', pattern: 'work' };
    expect(read('hydra_job_add_duration_seconds', { callee: service, pattern: 'work' })).toBe(3);
    expect(read('hydra_job_run_duration_seconds', place)).toBe(3);
    expect(read('hydra_job_run_errors_total', { ...place, code: 'RangeError' })).toBe(2);
    expect(read('hydra_job_run_retries_total', place)).toBe(1);
    expect(read('hydra_job_wait_duration_seconds', place)).toBe(2);
    expect(read('hydra_job_dead_total', place)).toBe(1);
    await eventually(() => read('hydra_queue_jobs', { state: 'delayed' }) === 1, {
      what: 'the depth of the queue',
      timeoutMs: 20_000,
    });
    expect(read('hydra_queue_jobs', { queue: 'default', state: 'dead' })).toBe(1);
    expect(read('hydra_queue_oldest_waiting_seconds')).toBe(0);
  });

  it('count entries, and read how far the group has come', async () => {
    const streams = server.app.get(StreamService);
    await streams.publish(stream, {});
    await streams.publish(stream, { isBad: true });
    const place = { stream, group: 'measured' };
    await eventually(() => read('hydra_entry_dead_total', place) === 1, { what: 'the dead letter' });
    expect(read('hydra_entry_publish_duration_seconds', { stream })).toBe(2);
    expect(read('hydra_entry_run_duration_seconds', place)).toBe(2);
    expect(read('hydra_entry_run_errors_total', { ...place, code: 'TypeError' })).toBe(1);
    await eventually(() => read('hydra_stream_dead_letters', place) === 1, {
      what: 'the state of the group',
      timeoutMs: 20_000,
    });
    expect(read('hydra_stream_lag', place)).toBe(0);
    expect(read('hydra_stream_consumers', place)).toBe(1);
  });

  it('tell how the process is', async () => {
    expect(read('hydra_connection_up')).toBe(1);
    expect(read('hydra_presence_age_seconds')).toBeLessThan(60);
    expect(read('hydra_process_memory_bytes', { area: 'heap_limit' })).toBeGreaterThan(1e6);
    await eventually(() => read('hydra_event_loop_delay_seconds', { stat: 'p99' }) !== undefined, {
      what: 'a health record',
      timeoutMs: 20_000,
    });
  });

  it('tell what is true of the whole service once, however many of its instances are asked', async () => {
    const other = await startService(options, [MeasuredController]);
    const both = [server, other].map(({ app }) => app.get(HydraMetrics));
    const depth = async () => {
      await Promise.all(both.map((metrics) => metrics.freshText()));
      return both.map((metrics) => valueOf(metrics.families(), 'hydra_queue_jobs', { state: 'delayed' }));
    };
    expect(await depth()).toEqual([1, undefined]);
    await server.close();
    await eventually(async () => (await depth())[1] === 1, {
      what: 'the other instance to report it',
      timeoutMs: 20_000,
    });
  });
});

describe('a service whose processes serve different queues', () => {
  it('has each queue reported by one that serves it, and its instances once', async () => {
    const place = { service: measured('divided'), redis: await testRedis() };
    const [front, worker] = [await startService(place, []), await startService(place, [MeasuredController])];
    await worker.app.get(QueueService).add('work', 'later', { delayMs: 60_000 });
    const both = [front, worker].map(({ app }) => app.get(HydraMetrics));
    // The one that serves no queue is asked first.
    for (const metrics of both) await metrics.freshText();
    const told = (name: string, labels = {}) => both.map((one) => valueOf(one.families(), name, labels));
    expect(told('hydra_queue_jobs', { state: 'delayed' })).toEqual([undefined, 1]);
    expect(told('hydra_service_instances').filter((value) => value !== undefined)).toHaveLength(1);
  });
});

describe('what is counted of a job', () => {
  let options: HydraOptions;
  let worker: TestService;
  let queue: QueueService;
  const read = ({ app }: TestService, name: string, pattern: string) =>
    valueOf(app.get(HydraMetrics).families(), name, { pattern });

  beforeEach(async () => {
    StoppedController.begun = [];
    options = { service: uniqueService('stopped'), redis: await testRedis() };
    worker = await startService(options, [StoppedController]);
    queue = worker.app.get(QueueService);
  });

  it('is its outcome, where it gave one after it was told to stop', async () => {
    const ended: unknown[] = [];
    const listener = (event: unknown) => void ended.push((event as { readonly error: unknown }).error);
    subscribe('hydra:job:end', listener);
    await queue.add('ends', 1);
    await eventually(() => StoppedController.begun.length === 1, { what: 'the job to begin' });
    await worker.close();
    unsubscribe('hydra:job:end', listener);
    expect(ended).toEqual([undefined]);
    expect(read(worker, 'hydra_job_run_duration_seconds', 'ends')).toBe(1);
    expect(read(worker, 'hydra_job_run_errors_total', 'ends')).toBeUndefined();
  });

  it('is its first start once, though it begins again without a counted attempt', async () => {
    await queue.add('polls', 1).result();
    expect(read(worker, 'hydra_job_run_duration_seconds', 'polls')).toBe(5);
    expect(read(worker, 'hydra_job_wait_duration_seconds', 'polls')).toBe(1);
  });

  it('is its first start once, though another worker begins it again', async () => {
    await queue.add('returned', 1);
    await eventually(() => StoppedController.begun.length === 1, { what: 'the job to begin' });
    await worker.close();
    expect(read(worker, 'hydra_job_wait_duration_seconds', 'returned')).toBe(1);
    expect(read(worker, 'hydra_job_run_errors_total', 'returned')).toBe(1);
    const next = await startService(options, [StoppedController]);
    await eventually(() => read(next, 'hydra_job_run_duration_seconds', 'returned') === 1, {
      what: 'the job to begin again',
      timeoutMs: 20_000,
    });
    expect(read(next, 'hydra_job_wait_duration_seconds', 'returned')).toBeUndefined();
  });

  it('is a failure, where a guard refused it', async () => {
    await expect(queue.add('guarded', 1).result()).rejects.toMatchObject({ code: 'DEAD_LETTER' });
    expect(read(worker, 'hydra_job_run_errors_total', 'guarded')).toBe(1);
  });
});

describe('where metrics are read', () => {
  it('is a route of the application, where it has HTTP', async () => {
    const service = measured('routed');
    const redis = await testRedis();
    const { port } = await startHybrid({ service, redis, metrics: { path: '/internal/metrics' } }, [
      MeasuredController,
    ]);
    const answer = await fetch(`http://127.0.0.1:${port}/internal/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain(`hydra_instance_info{service="${service}",version="0.0.0"} 1\n`);
  });

  it('is a route of an application that a testing module makes', async () => {
    const module = appModule(
      { service: measured('tested'), redis: await testRedis(), metrics: { path: '/metrics' } },
      [],
    );
    const testing = await Test.createTestingModule({ imports: [module] }).compile();
    const app = testing.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const answer = await fetch(`${await app.getUrl()}/metrics`);
    expect(await answer.text()).toContain('# TYPE hydra_instance_info gauge\n');
    await app.close();
  });

  it('is a port of its own where ops.port says so, with probes', async () => {
    const [service, port] = [measured('ops'), await freePort()];
    await startService({ service, redis: await testRedis(), ops: { port, host: '127.0.0.1' } }, [
      MeasuredController,
    ]);
    const get = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    expect(await (await get('/metrics')).text()).toContain('# TYPE hydra_connection_up gauge\n');
    expect((await get('/live')).status).toBe(200);
    await eventually(async () => (await get('/ready')).status === 200, { what: 'readiness' });
    expect((await get('/other')).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(405);
    await expect(
      startService({ service, redis: await testRedis(), ops: { port, host: '127.0.0.1' } }, []),
    ).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  it('is closed where the application does not start', async () => {
    const { url } = await startPrivateRedis(['--requirepass', 'right']);
    const [service, port] = [measured('ops'), await freePort()];
    const redis = url.replace('redis://', 'redis://:wrong@');
    await expect(startHybrid({ service, redis, ops: { port, host: '127.0.0.1' } }, [])).rejects.toThrow(
      'WRONGPASS',
    );
    await expect(fetch(`http://127.0.0.1:${port}/live`)).rejects.toThrow('fetch failed');
  });

  it('is nowhere, and nothing is counted, where they are turned off', async () => {
    const service = measured('unmeasured');
    const { app } = await startService({ service, redis: await testRedis(), metrics: { enabled: false } }, [
      MeasuredController,
    ]);
    expect(app.get(HydraMetrics).text()).toBe('');
    expect(await app.get(HydraMetrics).freshText()).toBe('');
  });

  it('is refused where there is no HTTP for the path', async () => {
    const module = appModule({ service: 'x', redis: await testRedis(), metrics: { path: '/metrics' } }, []);
    await expect(
      NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
    ).rejects.toMatchObject({ code: 'BAD_OPTION', message: expect.stringContaining('ops.port') });
  });
});
