import { jest } from '@jest/globals';
import { Controller, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { INestApplication } from '@nestjs/common';
import type { AddressInfo } from 'node:net';
import { request as httpRequest, type IncomingMessage } from 'node:http';

import { HydraDashboardModule, type HydraDashboardOptions } from '../../lib/dashboard/dashboard.js';
import type { Fleet } from '../../lib/dashboard/facts/fleet.js';
import type { SeenService } from '../../lib/dashboard/facts/service.js';
import type { LogLine } from '../../lib/dashboard/facts/log-tail.js';
import { HydraLogger, HydraModule, HydraServer } from '../../lib/index.js';
import { atEnd } from '../support/at-end.js';
import { startService, type TestService } from '../support/app.js';
import { act, follow, startDashboard, withPage, type TestDashboard } from '../support/dashboard.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis } from '../support/redis.js';
import { connectTo } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';
import { startWorkers } from '../support/workers.js';

@Controller()
class SumController {
  @MessagePattern('sum')
  sum(): number {
    return 3;
  }
}

/** A request with headers that `fetch` would not let a program set. */
function get(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(url, { headers }, (answer: IncomingMessage) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.once('error', reject);
    sent.end();
  });
}

let redis: string;
beforeAll(async () => {
  await withPage();
  redis = (await startPrivateRedis()).url;
});

describe('the page for this machine', () => {
  let page: TestDashboard;
  beforeAll(async () => (page = await startDashboard(redis)));

  it('is four files of less than 120 kB, which nothing of another site may be part of', async () => {
    let bytes = 0;
    for (const name of ['', 'page.js', 'page.css', 'icon.svg']) {
      const answer = await fetch(page.url + name);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(answer.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
      bytes += Number(answer.headers.get('content-length'));
      const etag = answer.headers.get('etag')!;
      expect((await fetch(page.url + name, { headers: { 'if-none-match': etag } })).status).toBe(304);
    }
    expect(bytes).toBeLessThan(120_000);
  });

  it.each([
    ['a page of another site whose name leads here', { host: 'evil.example' }, 403],
    ['a proxy', { 'x-forwarded-for': '203.0.113.7' }, 403],
    ['a script of another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sister site', { 'sec-fetch-site': 'same-site' }, 403],
    ['the page itself', { 'sec-fetch-site': 'same-origin' }, 200],
  ])('answers %s with %s %i', async (_who, headers, status) => {
    expect(await get(`${page.url}session`, headers)).toBe(status);
  });

  it('is shown to whoever follows a link, and not in a frame', async () => {
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect(await get(page.url, { ...link, 'sec-fetch-dest': 'document' })).toBe(200);
    expect(await get(page.url, { ...link, 'sec-fetch-dest': 'iframe' })).toBe(403);
  });

  it.each([
    ['without its header', { 'x-hydra-dashboard': undefined }],
    ['as a form', { 'content-type': 'text/plain' }],
    ['from another site', { 'sec-fetch-site': 'cross-site' }],
    ['from another site, in an older browser', { origin: 'http://evil.example' }],
    [
      'from another site that names itself as the host',
      { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example', 'x-role': 'write' },
    ],
  ])('does nothing that is asked for %s', async (_how, headers) => {
    const all = { 'content-type': 'application/json', 'x-hydra-dashboard': '1', ...headers };
    const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const body = JSON.stringify({ action: 'queue.pause', service: 'math' });
    const answer = await fetch(`${page.url}act`, { method: 'POST', headers: given, body });
    expect(answer.status).toBe(403);
    expect(page.audit).toEqual([]);
  });

  it.each([
    ['no JSON', 'nothing', 400],
    ['an unknown action', '{"action":"__proto__"}', 400],
    ['an action without what it needs', '{"action":"queue.pause"}', 400],
    ['another path', '', 404],
  ])('says what is wrong with %s', async (what, body, status) => {
    const path = what === 'another path' ? 'nowhere' : 'act';
    const headers = { 'content-type': 'application/json', 'x-hydra-dashboard': '1' };
    const answer = await fetch(page.url + path, { method: 'POST', headers, body });
    expect([answer.status, await answer.json()]).toEqual([status, { error: expect.any(String) }]);
  });

  it.each(['__proto__', 'constructor', 'fleet%', 'nothing/math', 'service'])(
    'watches nothing called %s',
    async (name) => {
      const answer = await fetch(`${page.url}events?topic=${encodeURIComponent(name)}`);
      expect(answer.status).toBe(400);
    },
  );
});

describe('what somebody may do', () => {
  it('is what access() says', async () => {
    const page = await startDashboard(redis, {
      access: ({ headers }) => (headers['x-role'] ?? 'none') as 'none',
      who: () => 'Ada\nLovelace',
    });
    const as = (role: string) => ({ 'x-role': role });
    const pause = { action: 'queue.pause', service: 'math' };
    expect((await fetch(`${page.url}session`)).status).toBe(403);
    expect((await fetch(page.url)).status).toBe(403);
    const session = await fetch(`${page.url}session`, { headers: as('read') });
    expect(await session.json()).toMatchObject({ allowed: [], who: String.raw`Ada\nLovelace` });
    expect((await act(page.url, pause, as('read'))).status).toBe(403);
    expect((await act(page.url, pause, as('write'))).status).toBe(200);
    expect((await act(page.url, pause, as('everything'))).status).toBe(403);
    expect(page.audit).toEqual([
      String.raw`Ada\nLovelace: pause math/default`,
      expect.stringContaining('access() of the dashboard'),
    ]);
  });

  it('is nothing where who() fails, and the log says which of the two it was', async () => {
    const who = () => {
      throw new Error('no session');
    };
    const page = await startDashboard(redis, { access: () => 'write', who });
    const answer = await fetch(`${page.url}session`);
    expect([answer.status, await answer.json()]).toEqual([
      403,
      { error: 'refused: who() of the dashboard failed' },
    ]);
    expect(page.audit).toEqual(['who() of the dashboard failed: Error: no session']);
  });

  it('may be a list of actions', async () => {
    const page = await startDashboard(redis, { access: () => ['queue.resume'] });
    expect((await act(page.url, { action: 'queue.pause', service: 'math' })).status).toBe(403);
    expect((await act(page.url, { action: 'queue.resume', service: 'math' })).status).toBe(200);
  });

  it.each<[string, object]>([
    ['an unknown name', { acess: () => 'read' }],
    ['a path that is none', { path: 'hydra' }],
    ['no function', { access: 'write' }],
  ])('is refused with %s', (_what, options) => {
    expect(() => HydraDashboardModule.forRoot(options as HydraDashboardOptions)).toThrow('BAD_OPTION');
  });
});

describe('the page in an application', () => {
  const kinds: [string, (module: Type) => Promise<INestApplication>][] = [
    ['Express', (module) => NestFactory.create(module, { logger: false })],
    ['Fastify', (module) => NestFactory.create(module, new FastifyAdapter() as never, { logger: false })],
  ];

  async function create(make: (module: Type) => Promise<INestApplication>, options: HydraDashboardOptions) {
    const hydra = HydraModule.forRoot({ service: uniqueService('shown'), redis });
    @Module({ imports: [hydra, HydraDashboardModule.forRoot(options)] })
    class AppModule {}
    const app = await make(AppModule);
    atEnd(() => app.close().catch(() => undefined));
    app.setGlobalPrefix('api');
    return app;
  }

  const urlOf = (app: INestApplication) =>
    `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;

  it.each(kinds)('is at its path, with what the application put before it: %s', async (_name, make) => {
    const access = (request: { headers: object; role?: string }) => (request.role ?? 'none') as 'write';
    const app = await create(make, { path: '/ops/hydra', access });
    const admit = (request: { role?: string }, _response: unknown, next: () => void) => {
      request.role = 'write';
      next();
    };
    if (_name === 'Express') app.use(admit);
    else
      (app.getHttpAdapter().getInstance() as { addHook(name: string, hook: unknown): void }).addHook(
        'onRequest',
        admit,
      );
    await app.listen(0, '127.0.0.1');
    const bare = await fetch(`${urlOf(app)}/ops/hydra`, { redirect: 'manual' });
    expect([bare.status, bare.headers.get('location')]).toEqual([302, 'hydra/']);
    const page = await fetch(`${urlOf(app)}/ops/hydra`);
    expect(page.url).toBe(`${urlOf(app)}/ops/hydra/`);
    expect(await page.text()).toContain('page.js');
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    expect((await fetch(`${page.url}page.js`)).status).toBe(200);
    const paused = await act(page.url, { action: 'queue.pause', service: 'shown' });
    expect([paused.status, await paused.json()]).toEqual([200, { isDone: true }]);
    const { heard, stop } = await follow(page.url, ['fleet']);
    await eventually(() => heard[0]?.value, { what: 'the fleet' });
    stop();
  });

  it.each(kinds)('does not start where others could reach it without access(): %s', async (_name, make) => {
    const app = await create(make, {});
    await expect(app.listen(0, '0.0.0.0')).rejects.toThrow(/BAD_OPTION.*127\.0\.0\.1/s);
    const local = await create(make, {});
    await local.listen(0, '127.0.0.1');
    expect((await fetch(`${urlOf(local)}/hydra/session`)).status).toBe(200);
  });

  it('is refused in an application without HTTP, and without HydraModule', async () => {
    const hydra = HydraModule.forRoot({ service: uniqueService('shown'), redis });
    @Module({ imports: [hydra, HydraDashboardModule.forRoot()] })
    class WithoutHttp {}
    const starting = NestFactory.createMicroservice(WithoutHttp, {
      inject: [HydraServer],
      useFactory: (strategy: HydraServer) => ({ strategy }),
      logger: false,
      abortOnError: false,
    });
    await expect(starting.then((app) => app.listen())).rejects.toThrow('application with HTTP');
    @Module({ imports: [HydraDashboardModule.forRoot()] })
    class WithoutHydra {}
    const options = { logger: false, abortOnError: false } as const;
    await expect(NestFactory.create(WithoutHydra, options)).rejects.toThrow('HydraModule.forRoot is not');
  });
});

describe('what is watched', () => {
  const service = uniqueService('watched');
  let started: TestService;
  let page: TestDashboard;
  beforeAll(async () => {
    started = await startService({ service, redis, tags: ['blue'] }, [SumController]);
    page = await startDashboard(redis);
  });

  it('is told to all who watch, and to whoever comes later at once', async () => {
    const first = await follow(page.url, ['fleet', 'tasks']);
    const fleet = await eventually(() => first.heard.find(({ name }) => name === 'fleet'), { what: 'news' });
    expect((fleet.value as Fleet).services).toContainEqual(
      expect.objectContaining({ name: service, instances: 1, legacy: 0, gone: 0, problems: [] }),
    );
    const second = await follow(page.url, ['fleet']);
    await eventually(() => second.heard.length > 0, { what: 'what is known' });
    expect(page.dashboard.collector.size).toBe(2);
    first.stop();
    second.stop();
    await eventually(() => page.dashboard.collector.size === 0, { what: 'nobody to watch' });
  });

  it('shows an instance as it has written of itself', async () => {
    const { heard, stop } = await follow(page.url, [`service/${service}`]);
    const seen = await eventually(() => heard[0], { what: 'the service' });
    expect(seen.value).toMatchObject({ instances: [{ id: started.id, capabilities: { tags: ['blue'] } }] });
    stop();
  });

  it('says of an instance that was killed while nobody watched its service that it is gone', async () => {
    // A Redis of its own: no other process takes it out of the registry first.
    const { url: alone } = await startPrivateRedis();
    const name = uniqueService('killed');
    const [worker] = await startWorkers(name, alone, 1);
    await worker!.kill('SIGKILL');
    // As if it had been dead for a minute.
    await connectTo(alone).zadd(`hydra:service:${name}:beats`, Date.now() - 60_000, worker!.id);
    const { heard, stop } = await follow((await startDashboard(alone)).url, [`service/${name}`]);
    const latest = () => (heard.at(-1)?.value as SeenService | undefined)?.instances;
    await eventually(() => latest()?.[0]?.isGone, { what: 'its end', timeoutMs: 30_000 });
    stop();
  }, 120_000);

  it('brings lines of logs as they are written, without secrets', async () => {
    const { heard, stop } = await follow(page.url, [`logs/${service}`]);
    await eventually(() => heard.length > 0, { what: 'the log' });
    const logger = started.app.get(HydraLogger);
    const quiet = jest.spyOn(process.stdout, 'write').mockReturnValue(true);
    for (let n = 0; n < 50; n++) logger.log(`line ${n}`);
    logger.error('password=hunter2 <script>alert(1)</script>');
    quiet.mockRestore();
    const lines = () => heard.flatMap(({ value }) => value as LogLine[]).map(({ text }) => text);
    await eventually(() => lines().some((text) => text.includes('<script>')), { what: 'the line' });
    const own = lines().filter((text) => text.startsWith('line '));
    expect(own).toEqual(Array.from({ length: 50 }, (_, n) => `line ${n}`));
    expect(lines().join()).not.toContain('hunter2');
    stop();
  });

  it('says what cannot be read, and goes on', async () => {
    const admin = connectTo(redis);
    const key = 'hydra:service:directory';
    const [directory] = (await admin.keys('*directory*')).filter((name) => name !== key);
    const { heard, stop } = await follow(page.url, ['fleet']);
    await eventually(() => heard.length > 0, { what: 'the fleet' });
    await admin.rename(directory ?? key, 'kept');
    await admin.set(directory ?? key, 'no set');
    await eventually(() => heard.some(({ problem }) => problem?.includes('WRONGTYPE')), {
      what: 'a problem',
    });
    await admin.rename('kept', directory ?? key);
    const healed = heard.length;
    await eventually(() => heard.slice(healed).some(({ value }) => value), { what: 'the fleet again' });
    stop();
  });
});
