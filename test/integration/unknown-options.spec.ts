import { jest } from '@jest/globals';
import { Controller, Logger, type Type } from '@nestjs/common';

import {
  ConfigStore,
  DiscoveryService,
  HydraHttpClient,
  QueuePattern,
  QueueService,
  StreamPattern,
  StreamService,
} from '../../lib/index.js';
import { startCaller, startService } from '../support/app.js';
import { testRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

interface Services {
  readonly queue: QueueService;
  readonly streams: StreamService;
  readonly discovery: DiscoveryService;
  readonly configs: ConfigStore;
  readonly http: HydraHttpClient;
}

let services: Services;
const service = uniqueService('names');

beforeAll(async () => {
  const { app } = await startCaller({ service, redis: await testRedis() }, []);
  services = {
    queue: app.get(QueueService),
    streams: app.get(StreamService),
    discovery: app.get(DiscoveryService),
    configs: app.get(ConfigStore),
    http: app.get(HydraHttpClient),
  };
});

type Act = (given: Services) => Promise<unknown>;
/** As untyped code gives them. */
const wrong = (options: object) => options as never;

const REFUSED: readonly [name: string, meant: string, act: Act][] = [
  ['delay', 'delayMs', ({ queue }) => queue.add('a', 1, wrong({ delay: 60_000 }))],
  ['jiter', 'jitter', ({ queue }) => queue.add('a', 1, { backoff: wrong({ type: 'fixed', jiter: true }) })],
  ['delay', 'delayMs', ({ queue }) => queue.addBulk([wrong({ pattern: 'a', data: 1, delay: 5 })])],
  ['tz', 'timeZone', ({ queue }) => queue.repeat('n', '* * * * *', 'a', 1, wrong({ tz: 'Europe/Berlin' }))],
  ['timeout', 'timeoutMs', async ({ queue }) => (await queue.add('a', 1)).result(wrong({ timeout: 5 }))],
  ['servce', 'service', ({ queue }) => queue.counts(wrong({ servce: 'x' }))],
  ['max', 'limit', ({ queue }) => queue.list('waiting', wrong({ max: 5 }))],
  ['max', 'limit', ({ queue }) => queue.deadLetters(wrong({ max: 5 }))],
  ['dryrun', 'dryRun', ({ queue }) => queue.redrive('all', wrong({ dryrun: true }))],
  ['que', 'queue', ({ queue }) => queue.get('1', wrong({ que: 'x' }))],
  ['que', 'queue', ({ queue }) => queue.remove('1', wrong({ que: 'x' }))],
  ['que', 'queue', ({ queue }) => queue.pause(wrong({ que: 'x' }))],
  ['que', 'queue', ({ queue }) => queue.resume(wrong({ que: 'x' }))],
  ['que', 'queue', ({ queue }) => queue.schedules(wrong({ que: 'x' }))],
  ['que', 'queue', ({ queue }) => queue.stopRepeating('n', wrong({ que: 'x' }))],
  ['maxlen', 'maxLen', ({ streams }) => streams.publish('s', 1, wrong({ maxlen: 5 }))],
  ['form', 'from', ({ streams }) => streams.range('s', wrong({ form: '1-0' }))],
  ['maxlen', 'maxLen', ({ streams }) => streams.trim('s', wrong({ maxlen: 5 }))],
  ['groop', 'group', ({ streams }) => streams.deadLetters('s', wrong({ groop: 'g' }))],
  ['groop', 'group', ({ streams }) => streams.redrive('s', 'all', wrong({ groop: 'g' }))],
  ['timeout', 'timeoutMs', ({ discovery }) => discovery.waitFor('x', wrong({ timeout: 5 }))],
  ['levels', 'level', ({ discovery }) => discovery.logs('x', wrong({ levels: 'error' }))],
  ['expected', 'expect', ({ configs }) => configs.put('1.0.0', {}, wrong({ expected: 1 }))],
  ['expected', 'expect', ({ configs }) => configs.remove('1.0.0', wrong({ expected: 1 }))],
  ['timeout', 'timeoutMs', ({ http }) => http.request('x:[get]/y', wrong({ timeout: 5 }))],
];

describe('a name that no option has', () => {
  it.each(REFUSED)('is refused in place of being ignored: %s for %s', async (name, meant, act) => {
    const error: unknown = await act(services).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    expect(String(error)).toContain(`"${name}" is no option of`);
    expect(String(error)).toContain(meant);
  });

  it.each<[what: string, controller: Type, text: string]>([
    ['@QueuePattern', jobHandler({ concurency: 5 }), 'did you mean "concurrency"?'],
    ['@QueuePattern', jobHandler({ rateLimit: { max: 5, perMS: 1 } }), 'did you mean "perMs"?'],
    ['@StreamPattern', entryHandler({ orderby: 'id' }), 'did you mean "orderBy"?'],
    ['@StreamPattern', entryHandler({ batch: { size: 5, wait: 1 } }), 'did you mean "waitMs"?'],
  ])('ends the start of a service: %s', async (what, controller, text) => {
    const options = { service: uniqueService('wrong'), redis: await testRedis() };
    const error: unknown = await startService(options, [controller]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'BAD_OPTION' });
    expect(String(error)).toContain(what);
    expect(String(error)).toContain(text);
  });
});

describe('a queue', () => {
  it('refuses to list a state that no job is ever in', async () => {
    await expect(services.queue.list('failed' as never)).rejects.toThrow(
      '[BAD_OPTION] state must be one of waiting, active, delayed, dead, completed, got "failed"',
    );
  });

  it('counts nothing for a service that nobody knows, and zeros for one that has no jobs', async () => {
    const { queue } = services;
    await expect(queue.counts('slow')).rejects.toThrow(
      /\[BAD_OPTION\] "slow" is no service that Redis knows of: a queue is meant by \{ queue: "slow" \}/,
    );
    const idle = uniqueService('idle');
    await startCaller({ service: idle, redis: await testRedis() }, []);
    expect(await queue.counts(idle)).toMatchObject({ waiting: 0, dead: 0 });
    expect(await queue.counts({ queue: 'slow' })).toMatchObject({ waiting: 0, dead: 0 });
    const later = uniqueService('later');
    await queue.add('a', 1, { service: later });
    expect(await queue.counts(later)).toMatchObject({ waiting: 1 });
  });

  it('says of options for a pattern without a handler that there is none', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const options = {
      service: uniqueService('patterns'),
      redis: await testRedis(),
      queue: { patterns: { pfd: { attempts: 1 }, pdf: { attempts: 2 } } },
    };
    await startService(options, [jobHandler({})]);
    const lines = warned.mock.calls.map(([line]) => String(line));
    warned.mockRestore();
    expect(lines.filter((line) => line.includes('queue.patterns'))).toEqual([
      'queue.patterns["pfd"]: no handler has this pattern here; there are: pdf',
    ]);
  });
});

function jobHandler(options: object): Type {
  @Controller()
  class Jobs {
    @QueuePattern('pdf', options)
    handle(): void {}
  }
  return Jobs;
}

function entryHandler(options: object): Type {
  @Controller()
  class Entries {
    @StreamPattern(uniqueService('entries'), options)
    handle(data: string): string {
      return data;
    }
  }
  return Entries;
}
