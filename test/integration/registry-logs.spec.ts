import { Logger, Module, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

import {
  DiscoveryService,
  HydraLogger,
  HydraModule,
  type InstanceLogEntry,
  type LoggingOptions,
} from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { setTraceSource } from '../../lib/runtime/trace-source.js';
import { runInProcess } from '../support/cli.js';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

class Recorder implements LoggerService {
  readonly lines: unknown[][] = [];
  log = (...line: unknown[]) => void this.lines.push(['log', ...line]);
  error = (...line: unknown[]) => void this.lines.push(['error', ...line]);
  warn = (...line: unknown[]) => void this.lines.push(['warn', ...line]);
}

async function startLogging(service: string, redis: string, logging: LoggingOptions = {}) {
  @Module({ imports: [HydraModule.forRoot({ service, redis, logging })] })
  class LoggingModule {}
  const app = await NestFactory.createApplicationContext(LoggingModule, { logger: false });
  atEnd(() => app.close());
  const recorder = new Recorder();
  const logger = app.get(HydraLogger).wrap(recorder);
  return { app, recorder, logger, discovery: app.get(DiscoveryService), id: app.get(HydraInstance).id };
}

const messages = (entries: readonly InstanceLogEntry[]) => entries.map(({ message }) => message);

describe('HydraLogger', () => {
  let redis: string;
  beforeAll(async () => {
    redis = await testRedisUrl();
  });

  it('hands lines to the wrapped logger, and keeps them where others find them', async () => {
    const service = uniqueService('redis-proxy');
    const { logger, recorder, discovery, id } = await startLogging(service, redis);
    const nest = new Logger('Orders');
    Logger.overrideLogger(logger);
    nest.log('started');
    nest.error('failed on redis', new Error('boom').stack);
    nest.warn({ user: 'ann', password: 'p' });
    nest.debug('not kept');
    Logger.overrideLogger(false);
    await logger.flush();
    const entries = await discovery.logs(service);
    expect(entries).toMatchObject([
      { level: 'info', message: 'started', context: 'Orders', service, instance: id, pid: process.pid },
      { level: 'error', message: 'failed on redis', stack: expect.stringContaining('Error: boom') },
      { level: 'warn', message: { user: 'ann', password: '[redacted]' } },
    ]);
    expect(recorder.lines.map(([level, message]) => [level, message])).toEqual([
      ['log', 'started'],
      ['error', 'failed on redis'],
      ['warn', { user: 'ann', password: 'p' }],
    ]);
  });

  it('keeps the newest 64 lines, in the order they were logged', async () => {
    const service = uniqueService('many');
    const { logger, discovery } = await startLogging(service, redis, { maxPerSecond: 1_000 });
    for (let line = 0; line < 40; line++) logger.log(`line ${line}`);
    await logger.flush();
    for (let line = 40; line < 100; line++) logger.log(`line ${line}`);
    await logger.flush();
    const kept = messages(await discovery.logs(service)).map((text) => Number(String(text).slice(5)));
    expect(kept).toHaveLength(64);
    expect(kept).toEqual(Array.from({ length: 64 }, (_, index) => index + 36));
    expect(messages(await discovery.logs(service, { limit: 2 }))).toEqual(['line 98', 'line 99']);
  });

  it('leaves out what is too much, counts it and says so', async () => {
    const service = uniqueService('flood');
    const { logger, discovery } = await startLogging(service, redis, { maxPerSecond: 10 });
    for (let line = 0; line < 1_000; line++) logger.log(`line ${line}`);
    await logger.flush();
    const { limited, written } = logger.counts;
    // A second may have ended in between.
    expect(limited).toBeGreaterThanOrEqual(970);
    expect(written).toBeLessThanOrEqual(30);
    await eventually(
      async () => {
        logger.log('later');
        await logger.flush();
        return messages(await discovery.logs(service)).some((text) =>
          /^\d+ lines were not kept$/.test(String(text)),
        );
      },
      { what: 'the gap to be told' },
    );
  });

  it('never fails and never waits, whatever is logged', async () => {
    const { logger, discovery } = await startLogging(uniqueService('odd'), redis);
    const odd = [
      undefined,
      null,
      1n,
      Symbol('s'),
      () => 1,
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
    ];
    for (const message of odd) logger.log(message);
    const circular: { self?: unknown } = {};
    circular.self = circular;
    logger.log(circular);
    logger.log('x'.repeat(100_000));
    logger.fatal('the end');
    await logger.flush();
    const entries = await discovery.logs({
      service: logger['context'].options.service,
      instance: discovery.instanceId,
    });
    expect(entries.at(-1)).toMatchObject({ level: 'fatal', message: 'the end' });
    expect(String(entries.at(-2)?.message).length).toBeLessThan(10_000);
    expect(messages(entries)).toContain('[unreadable message]');
  });

  it('hides secrets in the context too', async () => {
    const service = uniqueService('context');
    const { logger, discovery } = await startLogging(service, redis);
    logger.log('login', 'token=hunter2');
    await logger.flush();
    expect(await discovery.logs(service)).toMatchObject([{ message: 'login', context: 'token=[redacted]' }]);
  });

  it('tells of the gap also when more lines came than are kept', async () => {
    const service = uniqueService('overflow');
    const { logger, discovery } = await startLogging(service, redis, { maxPerSecond: 1_000 });
    for (let line = 0; line < 90; line++) logger.log(`line ${line}`);
    await logger.flush();
    const kept = messages(await discovery.logs(service));
    expect(kept).toHaveLength(64);
    expect(kept.filter((text) => String(text).endsWith('lines were not kept'))).toHaveLength(1);
    expect(kept).toContain('line 89');
  });

  it('keeps lines, and fails nobody, while the wrapped logger fails', async () => {
    const service = uniqueService('throwing');
    const { logger, discovery } = await startLogging(service, redis);
    const broken = () => {
      throw new Error('disk full');
    };
    logger.wrap({ log: broken, warn: broken, error: () => Promise.reject(new Error('disk full')) });
    logger.log('one');
    logger.error('two');
    await logger.flush();
    expect(messages(await discovery.logs(service))).toEqual(['one', 'two']);
  });

  it('holds lines while Redis is away, up to its bound', async () => {
    const own = await startPrivateRedis();
    const service = uniqueService('offline');
    const { logger, discovery, app } = await startLogging(service, own.url, { maxPending: 5 });
    await own.kill9();
    await eventually(() => !app.get(HydraInstance).redis.isReady, { what: 'the loss to be noticed' });
    for (let line = 0; line < 8; line++) logger.log(`line ${line}`);
    await own.restart();
    await eventually(async () => messages(await discovery.logs(service)).includes('line 7'), {
      what: 'the held lines',
    });
    expect(
      messages(await discovery.logs(service))
        .map(String)
        .toSorted(),
    ).toEqual(['3 lines were not kept', ...[3, 4, 5, 6, 7].map((line) => `line ${line}`)]);
    expect(logger.counts.dropped).toBe(3);
  });

  it('survives kill -9 up to the last batch', async () => {
    const service = uniqueService('killed');
    const child = startChild('test/support/logging.process.ts', {
      env: { HYDRA_TEST_OPTIONS: JSON.stringify({ service, redis }) },
    });
    const { id } = await child.ready;
    const watcher = await startInstance({ service: uniqueService('reader'), redis });
    const source = { service, instance: String(id) };
    await eventually(async () => (await watcher.discovery.logs(source)).length > 3, { what: 'some lines' });
    await child.kill();
    const lastSaid = Math.max(...child.lines.map(({ said }) => Number(said ?? 0)));
    const kept = messages(await watcher.discovery.logs(source)).map(Number);
    // Lines come every 10 ms and leave every 100 ms: about ten are lost, more on a busy machine.
    expect(kept.at(-1)).toBeGreaterThan(lastSaid - 60);
    expect(kept).toEqual(kept.map((_, index) => kept[0]! + index));
  });
});

describe('what is kept of a log', () => {
  it('is as many lines as logging.maxEntries says', async () => {
    const service = uniqueService('kept');
    const options = { maxEntries: 150, maxPending: 200, maxPerSecond: 1_000 };
    const { logger, discovery } = await startLogging(service, await testRedisUrl(), options);
    for (let line = 0; line < 170; line++) logger.log(line);
    const isKept = async () => {
      await logger.flush();
      return messages(await discovery.logs(service)).length > 0;
    };
    await eventually(isKept, { what: 'the lines to be written' });
    expect(messages(await discovery.logs(service))).toEqual(Array.from({ length: 150 }, (_, n) => n + 20));
  });

  it('begins at another level while somebody asked for that, in every instance', async () => {
    const [service, url] = [uniqueService('levelled'), await testRedisUrl()];
    const { logger, discovery } = await startLogging(service, url);
    const isKept = async () => {
      logger.debug('details');
      await logger.flush();
      return messages(await discovery.logs(service)).includes('details');
    };
    expect(await isKept()).toBe(false);
    const level = (...words: string[]) => runInProcess(['--redis', url, 'logs', 'level', service, ...words]);
    expect(await level('debug', '--for', '10m')).toMatchObject({ code: 0 });
    await eventually(isKept, { what: 'a debug line', timeoutMs: 20_000, everyMs: 200 });
    expect(await level('default')).toMatchObject({ code: 0 });
    const lines = async () => (await discovery.logs(service)).length;
    await eventually(
      async () => {
        const before = await lines();
        await isKept();
        return (await lines()) === before;
      },
      { what: 'no more debug lines', timeoutMs: 20_000, everyMs: 200 },
    );
    expect(await level('loud')).toMatchObject({
      code: 2,
      err: expect.stringContaining('"loud" is no level'),
    });
    expect(await level('debug', '--for', 'ever')).toMatchObject({ code: 2 });
  });

  it('is found by its trace, over all services', async () => {
    const url = await testRedisUrl();
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
    const names = [uniqueService('one-of-trace'), uniqueService('two-of-trace')];
    const both = await Promise.all(names.map((name) => startLogging(name, url)));
    for (const { logger } of both) {
      logger.log('outside');
      const forget = setTraceSource(() => ids);
      logger.log('inside');
      forget();
      await logger.flush();
    }
    const { code, out } = await runInProcess(['--redis', url, '--json', 'logs', '--trace', ids.traceId]);
    expect(code).toBe(0);
    const found = JSON.parse(out) as InstanceLogEntry[];
    expect(found.map(({ message }) => message)).toEqual(['inside', 'inside']);
    expect(new Set(found.map(({ service }) => service))).toEqual(new Set(names));
    expect(await runInProcess(['--redis', url, 'logs'])).toMatchObject({ code: 2 });
  });
});

describe('the logs of a service', () => {
  it('are merged by time, filtered and followed', async () => {
    const redis = await testRedisUrl();
    const service = uniqueService('merged');
    const one = await startLogging(service, redis);
    const two = await startLogging(service, redis);
    await eventually(() => one.discovery.instances(service).length === 2, { what: 'both' });
    const heard: InstanceLogEntry[] = [];
    one.logger.log('before');
    await one.logger.flush();
    const following = one.discovery.follow(service).subscribe((entry) => heard.push(entry));
    // The first look only learns what is there.
    await eventually(
      async () => {
        one.logger.log('marker');
        await one.logger.flush();
        return heard.length > 0;
      },
      { what: 'following to have begun', everyMs: 300 },
    );
    for (const [index, { logger }] of [one, two, one, two].entries()) {
      logger.log(`line ${index}`);
      logger.error(`error ${index}`);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    const cut = new Date();
    await Promise.all([one.logger.flush(), two.logger.flush()]);
    const lines = messages(await one.discovery.logs(service, { level: 'error' }));
    expect(lines).toEqual(['error 0', 'error 1', 'error 2', 'error 3']);
    expect(messages(await one.discovery.logs(service, { level: ['error', 'warn'], limit: 1 }))).toEqual([
      'error 3',
    ]);
    expect(await one.discovery.logs(service, { since: new Date(cut.getTime() + 1) })).toEqual([]);
    expect(messages(await one.discovery.logs({ service, instance: two.id }, { level: 'info' }))).toEqual([
      'line 1',
      'line 3',
    ]);
    await eventually(() => heard.filter(({ level }) => level === 'error').length === 4, {
      what: 'the new lines',
    });
    expect(messages(heard)).not.toContain('before');
    expect(messages(heard.filter(({ level }) => level === 'error'))).toEqual(lines);
    following.unsubscribe();
  });

  it('are followed to the end of who follows', async () => {
    const service = uniqueService('ended');
    const { app, discovery } = await startLogging(service, await testRedisUrl());
    let isComplete = false;
    discovery.follow(service).subscribe({ complete: () => (isComplete = true) });
    await app.close();
    await eventually(() => isComplete, { what: 'its end' });
  });
});
