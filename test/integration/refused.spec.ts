import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';

import { HydraClient, HydraHealthIndicator, QueuePattern, StreamPattern } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import type { RunningRedis } from '../../tools/redis.mjs';
import { startCaller, startService, type TestService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startProxy } from '../support/proxy.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

/** In a script Redis says it with other words, and from 7.2 on with others again. */
const NO_RIGHT = /can't publish|NOPERM|ACL failure/;

const ALL = ['on', '>secret', '~*', '&*', '+@all'];

@Controller()
class Everything {
  @MessagePattern('sum')
  sum([a, b]: [number, number]): number {
    return a + b;
  }

  @QueuePattern('job')
  job(): void {}

  @StreamPattern('refused')
  entry(): void {}
}

let redis: RunningRedis;
let users = 0;

beforeAll(async () => {
  redis = await startPrivateRedis();
});

/** A user of its own, and where Redis is for it. */
async function userWith(...rules: string[]): Promise<{ name: string; url: string }> {
  const name = `user${++users}`;
  await connectTo(redis.url).acl('SETUSER', name, ...ALL, ...rules);
  return { name, url: `redis://${name}:secret@127.0.0.1:${redis.port}` };
}

function start(url: string, service = uniqueService('refused')): Promise<TestService> {
  return startService({ service, redis: url }, [Everything]);
}

async function healthOf({ app }: Pick<TestService, 'app'>) {
  return (await app.get(HydraHealthIndicator).isHealthy()).hydra;
}

describe('a service that Redis does not let in', () => {
  it.each([
    ['an unknown user', (port: number) => `redis://nobody:secret@127.0.0.1:${port}`, /WRONGPASS/],
    ['a database that is not there', (port: number) => `redis://127.0.0.1:${port}/99`, /DB index/],
  ])('says so when it starts: %s', async (_, locate, reason) => {
    await expect(start(locate(redis.port))).rejects.toMatchObject({
      code: 'REDIS_UNAVAILABLE',
      message: expect.stringMatching(reason) as string,
    });
  });

  it('says so when a password is asked for and none, or a wrong one, is given', async () => {
    const closed = await startPrivateRedis(['--requirepass', 'secret']);
    const place = `connect to 127\\.0\\.0\\.1:${closed.port}: Redis refused`;
    await expect(start(closed.url)).rejects.toThrow(
      new RegExp(
        `${place} \\w+: NOAUTH.*it wants a password: in redis, in HYDRA_REDIS_URL, or by credentials`,
      ),
    );
    const wrong = closed.url.replace('redis://', 'redis://:topsecret@');
    const failure = await start(wrong).catch((error: unknown) => error as Error);
    expect((failure as Error).message).toMatch(new RegExp(`${place} \\w+: WRONGPASS`));
    expect(JSON.stringify(failure, Object.getOwnPropertyNames(failure))).not.toContain('topsecret');
  });

  it('says so when the server is too old, and goes on where the version is hidden', async () => {
    const asOld = (chunk: Buffer) =>
      Buffer.from(
        chunk.toString('latin1').replaceAll(/((?:redis|valkey)_version:)\d\.\d/g, '$16.0'),
        'latin1',
      );
    const old = await startProxy(redis.url, asOld);
    await expect(start(old.url)).rejects.toThrow(
      /(Redis|Valkey) 6\.0\.\d+ is too old: 6\.2 or newer is needed/,
    );

    const { url } = await userWith('-info');
    const asRenamed = (chunk: Buffer) =>
      Buffer.from(
        chunk.toString('latin1').replace(/-NOPERM[^\r]*'info'[^\r]*/g, "-ERR unknown command 'INFO'"),
        'latin1',
      );
    const renamed = await startProxy(url, asRenamed);
    expect(await healthOf(await start(renamed.url))).toMatchObject({ status: 'up' });
  });

  it('waits for it to come once it was there, and is told why it may not', async () => {
    const { name, url } = await userWith();
    const service = await start(url);
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', name, 'resetpass', '>other');
    await admin.client('KILL', 'USER', name);
    await eventually(async () => /WRONGPASS/.test(String((await healthOf(service)).reasons)), {
      what: 'the reason',
    });
    await admin.acl('SETUSER', name, '>secret');
    await eventually(async () => (await healthOf(service)).status === 'up', { what: 'the return' });
  });
});

describe('a right that is missing', () => {
  it.each([
    ['-subscribe', /SUBSCRIBE hydra:/],
    ['-evalsha', /script .* on hydra:.*evalsha/],
    ['-time', /script registry\..*/],
    ['-smembers', /SMEMBERS hydra:service:directory/],
    ['-publish', /PUBLISH|script registry/],
    ['-xgroup', /join group/],
    ['-set', /script registry/],
    ['-hset', /script registry/],
    ['-zadd', /script registry/],
  ])('is said when the service starts: %s', async (rule, what) => {
    const { url } = await userWith(rule);
    await expect(start(url)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringMatching(what) as string,
    });
  });

  it('is said when the service starts: its own channels, and the announcements', async () => {
    const own = await userWith('resetchannels', '&hydra:service:*announcements');
    await expect(start(own.url)).rejects.toThrow(/FORBIDDEN.*SUBSCRIBE hydra:service:mc:/);
    const others = await userWith('resetchannels', '&hydra:service:mc:*', '&hydra:service:*:queue:*');
    await expect(start(others.url)).rejects.toThrow(
      /FORBIDDEN.*SUBSCRIBE hydra:service:directory:announcements/,
    );
  });

  it.each(['-pubsub', '-info', '-client', '-eval'])('does no harm: %s', async (rule) => {
    const { url } = await userWith(rule);
    const service = uniqueService('refused');
    const running = await start(url, service);
    const client = new HydraClient({ service, redis: url, timeoutMs: 3_000 });
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send('sum', [1, 2]))).toBe(3);
    expect(await healthOf(running)).toMatchObject({ status: 'up' });
  });

  it.each([
    ['-ping', /NOPERM.*'ping'/],
    ['-xreadgroup', /NOPERM.*'xreadgroup'/],
    ['-blmove', /NOPERM.*'blmove'/],
  ])('is told in readiness: %s', async (rule, reason) => {
    const { url } = await userWith(rule);
    const running = await start(url);
    const isTold = async () => reason.test(String((await healthOf(running)).reasons));
    await eventually(isTold, { what: 'the reason', timeoutMs: 10_000 });
  });

  it("to call is the caller's error, at once, and a warning", async () => {
    const service = uniqueService('callee');
    await start(redis.url, service);
    const name = uniqueService('caller');
    const { url } = await userWith(
      ...[
        'resetchannels',
        '&hydra:service:*announcements',
        `&hydra:service:mc:${name}`,
        `&hydra:service:mc:${name}:*`,
      ],
    );
    const { app } = await startCaller({ service: name, redis: url }, [service]);
    const client = app.get<HydraClient>(`HYDRA_CLIENT:${service}`);
    await eventually(() => app.get(HydraInstance).discovery.has(service), { what: 'the callee' });
    const call = firstValueFrom(client.send('sum', [1, 2]));
    await expect(call).rejects.toMatchObject({ code: 'FORBIDDEN', retryable: false, mayHaveRun: false });
    const health = (await app.get(HydraHealthIndicator).isHealthy()).hydra;
    expect(health).toMatchObject({
      status: 'up',
      warnings: [expect.stringMatching(NO_RIGHT)],
    });
  });

  it('to answer is logged once, and told in readiness', async () => {
    const service = uniqueService('answers');
    const { url } = await userWith(
      ...['resetchannels', '&hydra:service:*announcements', `&hydra:service:mc:${service}`],
      ...[`&hydra:service:mc:${service}:*`, '&hydra:service:*:queue:*'],
    );
    const warned: string[] = [];
    const spy = jest
      .spyOn(Logger.prototype, 'warn')
      .mockImplementation((text: unknown) => void warned.push(String(text)));
    const running = await start(url, service);
    const caller = await startCaller({ service: uniqueService('asks'), redis: redis.url }, [service]);
    const client = caller.app.get<HydraClient>(`HYDRA_CLIENT:${service}`);
    await eventually(() => caller.app.get(HydraInstance).discovery.has(service), { what: 'the callee' });
    const ask = () => firstValueFrom(client.send('sum', [1, 2])).catch(() => undefined);
    void Promise.all([ask(), ask(), ask()]);
    const isTold = async () =>
      /PUBLISH to hydra:\S+:r: .*(NOPERM|can't publish|ACL failure)/.test(
        String((await healthOf(running)).reasons),
      );
    await eventually(isTold, { what: 'the reason' });
    expect(warned.filter((text) => /PUBLISH to hydra:\S+:r: /.test(text))).toHaveLength(1);
    spy.mockRestore();
  });

  it('to hear of one service leaves a process hearing of the others, also when it connects anew', async () => {
    const service = uniqueService('hears');
    const { name, url } = await userWith(
      ...[
        'resetchannels',
        '&hydra:service:directory:announcements',
        `&hydra:service:${service}:announcements`,
      ],
      ...['&hydra:service:mc:*', '&hydra:service:*:queue:*'],
    );
    await start(redis.url, uniqueService('payroll'));
    const running = await start(url, service);
    const { redis: connections } = running.app.get(HydraInstance);
    const isTold = async () => /announcements: NOPERM/.test(JSON.stringify(await healthOf(running)));
    await eventually(isTold, { what: 'the refusal' });
    const lost = new Promise<void>((resolve) => {
      connections.onState((state) => state === 'lost' && resolve());
    });
    await connectTo(redis.url).client('KILL', 'USER', name);
    await lost;
    await eventually(async () => (await healthOf(running)).status === 'up', { what: 'readiness' });
    const client = new HydraClient({ service, redis: redis.url, timeoutMs: 3_000 });
    atEnd(() => client.close());
    expect(await firstValueFrom(client.send('sum', [1, 2]))).toBe(3);
  });

  it('taken while the process runs leaves it hearing what it may', async () => {
    const service = uniqueService('taken');
    const { name, url } = await userWith();
    const running = await start(url, service);
    const admin = connectTo(redis.url);
    await admin.acl('SETUSER', name, 'resetchannels', '&hydra:service:mc:*', '&hydra:service:*:queue:*');
    await admin.client('KILL', 'USER', name);
    const isTold = async () =>
      /SUBSCRIBE hydra:.*announcements.*NOPERM/.test(String((await healthOf(running)).reasons));
    await eventually(isTold, { what: 'the reason' });
    const client = new HydraClient({ service, redis: redis.url, timeoutMs: 3_000 });
    atEnd(() => client.close());
    await client.connect();
    const { id } = running;
    await eventually(() => firstValueFrom(client.to(id).send('sum', [1, 2])), { what: 'an answer' });
  });
});
