import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { jest } from '@jest/globals';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { Redis } from 'ioredis';

import { HydraLogger, QueueService, StreamPattern, StreamService } from '../../lib/index.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { buildLibrary } from '../support/built.js';
import { buildCli, runInProcess, type Cli } from '../support/cli.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { uniqueService } from '../support/unique.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(numbers: number[]): number {
    return numbers.length;
  }
}

function newsHandlers(stream: string) {
  @Controller()
  class NewsController {
    @StreamPattern(stream, { from: 'beginning', attempts: 1, orderBy: 'key' })
    handle(@Payload() { isBad }: { isBad: boolean }): void {
      if (isBad) throw new Error('no');
    }
  }
  return NewsController;
}

// A process for each command line, on machines that have other things to do.
jest.setTimeout(90_000);

const service = uniqueService('shop');
let redis: string;
let cli: Cli;
let client: Redis;

beforeAll(async () => {
  redis = (await startPrivateRedis()).url;
  cli = await buildCli(redis);
  client = new Redis(redis);
  atEnd(() => client.disconnect());
});

describe('the command line', () => {
  it('says its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await cli(['--version'])).toMatchObject({ code: 0, out: `${version}\n` });
  });

  it.each([
    ['instances', 'nobody'],
    ['nodes', 'nobody'],
    ['health', 'nobody'],
    ['logs', 'nobody'],
    ['routes', 'nobody'],
    ['config', 'list', 'nobody'],
    ['config', 'history', 'nobody'],
    ['config', 'pull', 'nobody'],
    ['config', 'diff', 'nobody', '1.0.0', '2.0.0'],
    ['config', 'rollback', 'nobody', '--yes'],
    ['config', 'remove', 'nobody:1.0.0', '--yes'],
    ['queue', 'counts', 'nobody'],
    ['queue', 'list', 'nobody', 'waiting'],
    ['queue', 'show', 'nobody', '1'],
    ['queue', 'dead', 'nobody'],
    ['queue', 'redrive', 'nobody', '--all', '--yes'],
    ['queue', 'remove', 'nobody', '1', '--yes'],
    ['queue', 'schedules', 'nobody'],
    ['queue', 'pause', 'nobody'],
    ['queue', 'resume', 'nobody'],
  ])('ends %s %s … with 3, and changes nothing, where there is no such service', async (...args) => {
    expect(await runInProcess([...args, '--redis', redis])).toEqual({
      code: 3,
      out: '',
      err: 'error: there is no service "nobody"\n',
    });
    expect(await client.keys('*nobody*')).toEqual([]);
  });

  it('only reads, unless it is told to write', async () => {
    const { app, id } = await startService({ service, redis }, [SumController]);
    const { store } = await openStore(service, {}, { redis });
    await store.put('1.0.0', { limit: 5 });
    await client.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-@write');
    await client.call('ACL', 'LOG', 'RESET');
    const asReader = redis.replace('redis://', 'redis://reader:pw@');
    for (const args of [
      ['services'],
      ['nodes'],
      ['nodes', service],
      ['health', service],
      ['logs', service],
      ['routes', service],
      ['config', 'list', service],
      ['config', 'pull', service],
      ['config', 'history', service],
      ['config', 'diff', service, '1.0.0', '@1'],
      ['queue', 'counts', service],
      ['queue', 'list', service, 'waiting'],
      ['queue', 'dead', service],
      ['queue', 'schedules', service],
      ['topology'],
    ]) {
      expect({ args, ...(await runInProcess([...args, '--redis', asReader])) }).toMatchObject({
        args,
        code: 0,
      });
    }
    // Also while it stays: the upkeep of the registry is for instances.
    const main = join(await buildLibrary(), 'cli', 'main.js');
    const env = { ...process.env, NODE_OPTIONS: '', HYDRA_REDIS_URL: asReader };
    const following = spawn(
      process.execPath,
      [main, 'logs', service, '--follow', '--instance', id.slice(0, 8)],
      { env },
    );
    let shown = '';
    following.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const ended = new Promise((resolve) => following.once('close', resolve));
    await eventually(
      async () => {
        app.get(HydraLogger).log('tick');
        return shown.includes('tick');
      },
      { what: 'the line to be shown', timeoutMs: 30_000, everyMs: 100 },
    );
    following.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(await client.call('ACL', 'LOG')).toEqual([]);
  });

  it('shows who calls whom again and again, until Ctrl-C', async () => {
    const main = join(await buildLibrary(), 'cli', 'main.js');
    const env = { ...process.env, NODE_OPTIONS: '', HYDRA_REDIS_URL: redis };
    const watching = spawn(process.execPath, [main, 'topology', '--watch'], { env });
    atEnd(() => watching.kill('SIGKILL'));
    let shown = '';
    watching.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const ended = new Promise((resolve) => watching.once('close', resolve));
    await eventually(() => shown.split('FROM').length > 2, { what: 'two tables', timeoutMs: 30_000 });
    watching.kill('SIGINT');
    expect(await ended).toBe(0);
  });

  it('shows nobody who is gone, though nobody took it out of the index', async () => {
    const other = uniqueService('gone');
    await client.hset(`hydra:service:${other}:instances`, 'a'.repeat(32), '{}');
    await client.set(`hydra:service:${other}:service`, '{"serviceName":"gone"}');
    await client.sadd('hydra:service:directory', other);
    expect(await cli(['nodes', other])).toMatchObject({ code: 3, out: '' });
    expect((await cli(['services'])).out).not.toContain(other);
  });

  it('forgets what a service left behind, and nothing of others', async () => {
    const [gone, stays] = [uniqueService('gone'), uniqueService('gone')];
    for (const name of [gone, stays]) {
      const { app } = await startService({ service: name, redis }, [SumController]);
      const { store } = await openStore(name, {}, { redis });
      await store.put('1.0.0', { limit: 5 });
      await app.get(QueueService).add('sum', [1]);
      const forget = ['forget', name, '--redis', redis, '--yes'];
      expect(await runInProcess(forget)).toMatchObject({
        code: 4,
        err: expect.stringMatching(/has a live instance, [\da-f]{32}: stop it first/),
      });
      await app.close();
    }
    // A health record ends by itself.
    const keysOf = async (name: string) =>
      (await client.keys(`*:${name}:*`)).filter((key) => !key.endsWith(':health')).toSorted();
    const before = await keysOf(stays);
    const forget = ['forget', gone, '--redis', redis];
    const shown = await runInProcess([...forget, '--dry-run']);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.out).toMatch(/^configurations +\d+ +\d+$/m);
    expect(shown.out).toMatch(/^queue default +1 +1$/m);
    expect(await runInProcess(forget)).toMatchObject({ code: 2 });
    expect(await client.keys(`*:${gone}:*`)).not.toEqual([]);

    expect(await runInProcess([...forget, '--yes'])).toMatchObject({ code: 0 });
    expect(await client.keys(`*${gone}*`)).toEqual([]);
    expect(await client.smembers('hydra:service:directory')).not.toContain(gone);
    expect(JSON.stringify(await client.hgetall('hydra:service:nodes'))).not.toContain(gone);
    expect(await keysOf(stays)).toEqual(before);
    expect(await runInProcess([...forget, '--yes'])).toMatchObject({ code: 3 });
  });

  it('forgets the consumer groups of a service in streams, with what stands beside them', async () => {
    const [gone, stream] = [uniqueService('gone'), uniqueService('news')];
    const handlers = newsHandlers(stream);
    for (const name of [gone, 'stays']) {
      const { app } = await startService({ service: name, redis }, [handlers]);
      const streams = app.get(StreamService);
      if (name === gone)
        for (const isBad of [true, false, true]) await streams.publish(stream, { key: 'k', isBad });
      const isOver = async () =>
        (await streams.info(stream)).groups.some(
          (group) => group.name === name && group.lag === 0 && group.pending === 0,
        );
      await eventually(isOver, { what: 'all to be handled' });
      if (name === gone) {
        const refused = { code: 4, err: expect.stringContaining('stop it first') };
        expect(await runInProcess(['forget', gone, '--redis', redis, '--yes'])).toMatchObject(refused);
      }
      await app.close();
    }
    await client.xreadgroup('GROUP', gone, 'foreign', 'STREAMS', `hydra:stream:${stream}`, '>');
    const forget = ['forget', gone, '--redis', redis];
    const shown = await runInProcess([...forget, '--dry-run']);
    expect(shown.out).toMatch(new RegExp(`^group in stream ${stream} +\\d +2$`, 'm'));
    expect(await runInProcess(forget)).toMatchObject({ code: 2 });
    expect(await runInProcess([...forget, '--yes'])).toMatchObject({
      code: 0,
      err: expect.stringMatching(/ 1 consumer group$/m),
    });
    expect(await client.keys(`*${gone}*`)).toEqual([]);
    const groups = (await client.xinfo('GROUPS', `hydra:stream:${stream}`)) as unknown[][];
    expect(groups.map((group) => group[1])).toEqual(['stays']);
    expect(await client.xlen(`hydra:stream:${stream}:dead:stays`)).toBe(2);
    expect(await client.xlen(`hydra:stream:${stream}`)).toBe(3);
    expect(await runInProcess([...forget, '--yes'])).toMatchObject({ code: 3 });
  });

  it('keeps to the width of the terminal', async () => {
    await startService({ service, redis, version: '1.2.3' }, [SumController]);
    process.env['COLUMNS'] = '80';
    for (const args of [['nodes'], ['services'], ['health', service]]) {
      const { out } = await runInProcess([...args, '--redis', redis]);
      expect(Math.max(...out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    }
    delete process.env['COLUMNS'];
  });

  it('says that a version which is none is used only by those that name it', async () => {
    const other = uniqueService('nobody');
    const misspelt = await cli(['config', 'push', `${other}:1.0.0`, '-', '--yes'], { input: '{}' });
    expect(misspelt).toMatchObject({
      code: 0,
      err: expect.stringContaining(`there is no service "${other}" yet: is the name right?`),
    });
    const pushed = await cli(['config', 'push', `${service}:1.1`, '-', '--yes'], { input: '{}' });
    expect(pushed.code).toBe(0);
    expect(pushed.err).toContain('"1.1" is no semantic version');
    expect(pushed.err).toContain('did you mean 1.1.0?');
    const proper = await cli(['config', 'push', `${service}:1.1.0`, '-', '--yes'], { input: '{}' });
    expect(proper.err).not.toContain('semantic');
  });
});
