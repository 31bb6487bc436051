import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { firstValueFrom } from 'rxjs';

import { HydraClient, QueuePattern, QueueService, StreamPattern, StreamService } from '../../lib/index.js';
import { MemoryRedis } from '../../lib/testing/memory-redis.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { startChild } from '../support/child.js';
import { eventually } from '../support/eventually.js';
import { startRealRedis } from '../support/redis.js';
import { monitored } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

const done: unknown[] = [];

@Controller()
class Everything {
  @MessagePattern('sum')
  sum([a, b]: [number, number]): number {
    return a + b;
  }

  @QueuePattern('job')
  job(data: unknown): void {
    done.push(data);
  }

  @StreamPattern('events')
  entry(data: unknown): void {
    done.push(data);
  }
}

describe('a Redis in memory', () => {
  let redis: MemoryRedis;

  beforeEach(() => {
    redis = new MemoryRedis();
    const used = redis;
    atEnd(() => used.close());
  });

  it('carries calls, jobs and entries of services in one process', async () => {
    const service = uniqueService('memory');
    const { app } = await startService({ service, redis }, [Everything]);
    const client = new HydraClient({ service, redis });
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send('sum', [1, 2]))).toBe(3);
    await app.get(QueueService).add('job', 'a job');
    await app.get(StreamService).publish('events', 'an entry');
    await eventually(() => done.length === 2, { what: 'the job and the entry' });
    expect(new Set(done)).toEqual(new Set(['a job', 'an entry']));
  });

  it('listens for other processes', async () => {
    const client = new Redis(await redis.listen(), { lazyConnect: true });
    await client.connect();
    expect(await client.set('a', 'b')).toBe('OK');
    expect(await client.get('a')).toBe('b');
    expect(await client.info('server')).toContain('redis_version:7.0.15');
    client.disconnect();
  });

  it('refuses to run in production, unless that is allowed', () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      expect(() => new MemoryRedis()).toThrow(/BAD_OPTION.*NODE_ENV is "production"/);
      expect(new MemoryRedis({ allowProduction: true })).toBeInstanceOf(MemoryRedis);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });

  it('says at once which package is missing, where it cannot run Lua', async () => {
    const child = startChild('test/support/without-wasmoon.process.ts');
    const { failure, started, afterMs, isObserved } = await child.ready;
    for (const said of [failure, started])
      expect(said).toMatch(
        /BAD_OPTION\] MemoryRedis runs Lua by the package wasmoon; install it: npm install --save-dev wasmoon$/,
      );
    expect(afterMs).toBeLessThan(1_000);
    // What could not be started leaves nothing behind.
    expect(isObserved).toBe(false);
    await child.exited;
  });

  it('shows every command as a real one does, but for administration and secrets', async () => {
    const act = async (url: string) => {
      const client = new Redis(url, { lazyConnect: true, enableReadyCheck: false, disableClientInfo: true });
      await client.connect();
      await client.set('a"\\', Buffer.from('x\n\x01é'));
      await client.eval("return redis.call('get', KEYS[1])", 1, 'k');
      await client.multi().incr('n').exec();
      await client.config('GET', 'save');
      await client.call('AUTH', 'secret').catch(() => undefined);
      await client.call('GET').catch(() => undefined);
      client.disconnect();
    };
    const shown = async (url: string) => {
      const commands = await monitored(url, () => act(url));
      return commands.filter(([name]) => name !== undefined && name.toLowerCase() !== 'hello');
    };
    const real = await startRealRedis();
    const expected = await shown(real.url);
    expect(expected.map(([name]) => name)).toContain('eval');
    expect(await shown(await redis.listen())).toEqual(expected);
  });

  it('dumps and restores what it holds, and what it has sent is counted', async () => {
    const client = new Redis(await redis.listen(), { lazyConnect: true });
    atEnd(() => client.disconnect());
    await client.connect();
    await client.rpush('list', 'a', 'b');
    await client.xadd('stream', '1-1', 'f', 'v');
    await client.xgroup('CREATE', 'stream', 'group', '0');
    const dumped = await Promise.all(['list', 'stream'].map((key) => client.dump(key)));
    expect(await Promise.all(['list', 'stream'].map((key) => client.dump(key)))).toEqual(dumped);
    await client.rpush('list', 'c');
    expect(await client.dump('list')).not.toBe(dumped[0]);
    await expect(client.restore('list', 0, dumped[0]!)).rejects.toThrow('BUSYKEY');
    await client.restore('list', 5_000, dumped[0]!, 'REPLACE');
    await client.restore('copy', 0, dumped[1]!);
    expect([await client.lrange('list', 0, -1), await client.ttl('list')]).toEqual([['a', 'b'], 5]);
    expect(await client.xinfo('GROUPS', 'copy')).toHaveLength(1);
    await expect(client.restore('other', 0, 'no dump')).rejects.toThrow('DUMP payload version');
    await client.config('RESETSTAT');
    await client.echo('x'.repeat(100_000));
    const sent = Number(/total_net_output_bytes:(\d+)/.exec(await client.info('stats'))?.[1]);
    expect(sent).toBeGreaterThan(100_000);
  });

  it('knows selectors of users, and says what they may do, as a real one does', async () => {
    const act = async (url: string) => {
      const client = new Redis(url, { lazyConnect: true });
      atEnd(() => client.disconnect());
      await client.connect();
      const rules = ['on', 'nopass', '~a*', '&c*', '+get', '+publish', '(~b* +get +set)'];
      await client.call('ACL', 'SETUSER', 'bob', ...rules);
      const tries = [
        'get a',
        'get b',
        'get x',
        'set a 1',
        'set b 1',
        'del a',
        'publish c m',
        'publish x m',
        'nocmd a',
      ];
      const dryRun = (words: string) =>
        client.call('ACL', 'DRYRUN', 'bob', ...words.split(' ')).catch((error: unknown) => String(error));
      const answers = await Promise.all(tries.map(dryRun));
      // Before Redis 7.2 it does not name the user.
      return answers.map((answer) => String(answer).replace(/^(This user|User bob) /, ''));
    };
    const real = await startRealRedis();
    expect(await act(await redis.listen())).toEqual(await act(real.url));
  });

  it('ends a script that never would, whatever it catches, and answers afterwards', async () => {
    const client = new Redis(await redis.listen(), { lazyConnect: true });
    atEnd(() => client.disconnect());
    await client.connect();
    const endless = 'while true do pcall(function() while true do end end) end';
    await expect(client.eval(endless, 0)).rejects.toThrow('the script ran longer than 5000 ms');
    expect(await client.eval('local n = 0 for i = 1, 3000000 do n = n + i end return n', 0)).toBe(
      4500001500000,
    );
    expect(await client.ping()).toBe('PONG');
  });

  it('refuses options that it does not know', () => {
    expect(() => new MemoryRedis({ sed: 1 } as never)).toThrow('MemoryRedis has no option "sed"');
    expect(() => new MemoryRedis({ seed: 0.5 })).toThrow('seed must be an integer, got 0.5');
  });

  it('opens no connection after it was closed', async () => {
    await redis.close();
    await expect(redis.listen()).rejects.toThrow('this MemoryRedis is closed');
  });
});
