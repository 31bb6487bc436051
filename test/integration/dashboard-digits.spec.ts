import { Controller } from '@nestjs/common';
import { Ctx } from '@nestjs/microservices';
import { z } from 'zod';

import type { SeenDifference, SeenDocument } from '../../lib/dashboard/ask/config-questions.js';
import type { SeenQueue } from '../../lib/dashboard/facts/queue.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { ConfigStore, HydraJobContext, QueuePattern, QueueService } from '../../lib/index.js';
import { startService, type TestService } from '../support/app.js';
import { follow, startDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class SlowController {
  @QueuePattern('slow')
  async slow(@Ctx() job: HydraJobContext): Promise<void> {
    await job.progress({ rows: 1 });
    await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
  }
}

const service = uniqueService('digits');
let url: string;
let started: TestService;
let page: { readonly url: string };

beforeAll(async () => {
  ({ url } = await startPrivateRedis());
  const config = { schema: z.object({ limit: z.number() }).partial() };
  started = await startService({ service, redis: url, config }, [SlowController]);
  page = await startDashboard(url);
});

async function ask<T>(words: Readonly<Record<string, string>>): Promise<T> {
  const query = new URLSearchParams({ service, ...words }).toString();
  return (await (await fetch(`${page.url}ask?${query}`)).json()) as T;
}

describe('numbers past 2^53 on the dashboard', () => {
  it('have all their digits in the progress of jobs that run', async () => {
    const queues = started.app.get(QueueService);
    const { id } = await queues.add('slow', {});
    await eventually(async () => (await queues.get(id))?.progress, { what: 'its progress' });
    const key = started.app.get(HydraInstance).keys.own(service, 'queue', 'default', 'progress');
    expect(await connectTo(url).hset(key, id, '{"rows":12345678901234567890,"token":"hunter2"}')).toBe(0);
    const { heard, stop } = await follow(page.url, [`queue/${service}/default`]);
    const { value } = await eventually(() => heard[0], { what: 'the queue' });
    stop();
    const [running] = (value as SeenQueue).running;
    expect(running).toMatchObject({ id, progress: expect.stringContaining('"rows": 12345678901234567890') });
    expect(running!.progress).not.toContain('hunter2');
    await queues.cancel(id);
  });

  it('have all their digits in what differs between configurations', async () => {
    const key = `hydra:service:${service}:configs`;
    const texts = ['{"limit":12345678901234567890,"same":98765432109876543210,"token":"hunter2"}'];
    texts.push('{"limit":12345678901234567891,"same":98765432109876543210,"token":"hunter3","list":[1,2]}');
    for (const [index, text] of texts.entries()) await connectTo(url).hset(key, `2.0.${index}`, text);
    expect(await ask<readonly SeenDifference[]>({ what: 'difference', a: '2.0.0', b: '2.0.1' })).toEqual([
      { path: 'limit', kind: 'changed', before: '12345678901234567890', after: '12345678901234567891' },
      { path: 'token', kind: 'changed', before: '"[redacted]"', after: '"[redacted]"' },
      { path: 'list', kind: 'added', after: '[1,2]' },
    ]);
  });
});

describe('what differs between configurations', () => {
  it('may have a name that every object has', async () => {
    const store = started.app.get(ConfigStore).of(uniqueService('named'));
    await store.put('1.0.0', {});
    await store.put('2.0.0', JSON.parse('{"constructor":"ada"}') as object);
    const words = { what: 'difference', service: store.service, a: '1.0.0', b: '2.0.0' };
    expect(await ask(words)).toEqual([{ path: 'constructor', kind: 'added', after: '"ada"' }]);
    expect(await store.diff('1.0.0', '2.0.0')).toEqual([
      { path: 'constructor', kind: 'added', after: 'ada' },
    ]);
  });

  it('is no version that is not stored', async () => {
    const words = { what: 'difference', a: '7.0.0', b: '@700' };
    expect(await ask(words)).toMatchObject({ code: 'CONFIG_NOT_FOUND' });
  });
});

describe('a document on the dashboard', () => {
  it('says that it is written without a check, where no schema of its service is known', async () => {
    const store = started.app.get(ConfigStore);
    await store.put('1.0.0', { limit: 1 });
    const shown = await ask<SeenDocument>({ what: 'document', version: '1.0.0' });
    expect([shown.isChecked, store.isChecked, store.of('other').isChecked]).toEqual([false, true, false]);
  });
});
