import { Controller, Logger } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { jest } from '@jest/globals';

import {
  HydraBatchContext,
  HydraJobContext,
  HydraMetrics,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { jobDead } from '../../lib/diagnostics/channels.js';
import { createQueueKeys } from '../../lib/queue/model/queue-keys.js';
import { startService } from '../support/app.js';
import { eventually } from '../support/eventually.js';
import { testRedis } from '../support/redis.js';
import { allow } from '../support/own-user.js';
import { uniqueService } from '../support/unique.js';

const stream = uniqueService('mended-stream');
const unserved = uniqueService('unread');
let begun = 0;

@Controller()
class MendedController {
  @QueuePattern('wait', { concurrency: 5 })
  wait(@Ctx() { signal }: HydraJobContext): Promise<void> {
    begun++;
    return new Promise((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 50)));
  }

  @StreamPattern(stream, { from: 'beginning', attempts: 1, batch: { size: 2, waitMs: 5_000 } })
  batch(@Ctx() batch: HydraBatchContext): void {
    batch.fail(1, new Error('only this one'));
  }
}

let service: string;
let worker: Awaited<ReturnType<typeof startService>>;
let queue: QueueService;
let warned: ReturnType<typeof jest.spyOn>;

beforeEach(async () => {
  Logger.overrideLogger(false);
  begun = 0;
  warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  service = allow(uniqueService('mended'), { consumes: [stream], queues: [unserved] });
  const options = { service, redis: await testRedis(), queue: { noHandlerMs: 0 } };
  worker = await startService(options, [MendedController]);
  queue = worker.app.get(QueueService);
});

afterEach(async () => {
  warned.mockRestore();
  await worker.close();
});

it('dead letters of what has no handler, or is no message, are counted and told', async () => {
  const died: unknown[] = [];
  const hear = (event: unknown) => died.push(event);
  jobDead.subscribe(hear);
  await queue.add('nobody', 1, { id: 'without', headers: { a: 'b' } });
  const { redis, keys } = worker.app.get(HydraInstance);
  await redis.commands.lpush(createQueueKeys(keys, service).waiting, 'no message');
  await eventually(async () => (await queue.counts()).dead === 2, { what: 'both dead letters' });
  jobDead.unsubscribe(hear);
  expect(died).toHaveLength(2);
  expect(died).toContainEqual(
    expect.objectContaining({ id: 'without', pattern: 'nobody', headers: { a: 'b' }, attempts: 0 }),
  );
  expect(died).toContainEqual(expect.objectContaining({ pattern: '', reason: 'not a UMF message' }));
  const text = worker.app.get(HydraMetrics).text();
  expect(text).toMatch(/hydra_job_dead_total{[^}]*pattern="nobody"[^}]*} 1/);
});

it('an outcome that comes after its job was cancelled is not called late', async () => {
  const job = await queue.add('wait', 1);
  await eventually(() => begun === 1, { what: 'it to begin' });
  await queue.cancel(job.id);
  const other = await queue.add('wait', 2);
  await eventually(() => begun === 2, { what: 'another to begin' });
  await queue.cancel(other.id);
  const lines = warned.mock.calls.map(([line]: unknown[]) => String(line));
  expect(lines.filter((line: string) => line.includes('too late'))).toEqual([]);
});

it('a result that does not come says that no worker has a handler, or that none reads the queue', async () => {
  const late = (options: object) => queue.add('absent', 1, options).result({ timeoutMs: 300 });
  const unread = { service: unserved };
  await expect(late(unread)).rejects.toThrow(/\[TIMEOUT\].*no worker of this library reads its queue/);
  await queue.pause();
  await expect(late({})).rejects.toThrow(/\[TIMEOUT\].*no worker has a handler for "absent"/);
  await expect(queue.add('wait', 1).result({ timeoutMs: 300 })).rejects.toThrow(/within timeoutMs=300$/);
});

it('the entry of a batch that its handler marked counts as a failure, and the others do not', async () => {
  const streams = worker.app.get(StreamService);
  await streams.publish(stream, 1);
  await streams.publish(stream, 2);
  const count = (name: string) => {
    const family = worker.app
      .get(HydraMetrics)
      .families()
      .find((one) => one.name === name);
    const found = [...(family?.values ?? [])].find(({ labels }) => labels['stream'] === stream);
    if (!found) return 0;
    return 'value' in found ? found.value : found.counts.reduce((sum, one) => sum + one, 0);
  };
  await eventually(() => count('hydra_entry_run_duration_seconds') === 2, { what: 'the end of both' });
  expect(count('hydra_entry_run_errors_total')).toBe(1);
});

it('a misspelt option of a handler is found before anything is connected', async () => {
  @Controller()
  class MisspeltController {
    @QueuePattern('any', { concurency: 1 } as object)
    any(): void {}
  }
  const nowhere = { service: uniqueService('misspelt'), redis: 'redis://127.0.0.1:1' };
  await expect(startService(nowhere, [MisspeltController])).rejects.toThrow(/did you mean "concurrency"/);
});
