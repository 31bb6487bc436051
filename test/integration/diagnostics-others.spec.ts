import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Controller } from '@nestjs/common';
import { z } from 'zod';

import {
  HydraHttpClient,
  HydraServer,
  StreamPattern,
  type ConfigDiagnostic,
  type HttpRequestDiagnostic,
} from '../../lib/index.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import { startService } from '../support/app.js';
import { atEnd } from '../support/at-end.js';
import { openStore } from '../support/config.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedisUrl } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

/** What was published on a channel from here on; copies, since an event grows from its start to its end. */
function heard<Event extends object>(name: string): Event[] {
  const events: Event[] = [];
  const listener = (event: unknown) => void events.push({ ...(event as Event) });
  subscribe(name, listener);
  atEnd(() => void unsubscribe(name, listener));
  return events;
}

/** A port at which requests are answered with this status; without one, nobody listens there. */
async function httpPort(status?: number, seen: (string | undefined)[] = []): Promise<number> {
  const server = createServer((request, response) => {
    seen.push(request.headers['traceparent'] as string | undefined);
    response.writeHead(status ?? 500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise((resolve) => server.close(resolve));
  if (status === undefined) await close();
  else atEnd(() => void close());
  return port;
}

describe('an observer of HTTP requests', () => {
  let caller: HydraInstance;
  let http: HydraHttpClient;
  const register = async (service: string, port: number) =>
    startInstance({ service, redis: await testRedisUrl(), host: '127.0.0.1', port });

  beforeAll(async () => {
    const redis = await testRedisUrl();
    caller = await startInstance({ service: uniqueService('web-caller'), redis, balancer: 'round-robin' });
    http = new HydraHttpClient(caller, caller.discovery);
  });

  it('sees one from its start to the head of its answer, and adds headers to it', async () => {
    const service = uniqueService('web');
    const seen: (string | undefined)[] = [];
    const instance = await register(service, await httpPort(404, seen));
    await caller.discovery.waitFor(service);
    const add = (event: unknown) => {
      (event as HttpRequestDiagnostic).headers['traceparent'] = 'added';
    };
    subscribe('hydra:http:start', add);
    const started = heard<HttpRequestDiagnostic>('hydra:http:start');
    const ended = heard<HttpRequestDiagnostic>('hydra:http:end');
    await http.request(`${service}:[get]/rate?all=1`);
    unsubscribe('hydra:http:start', add);
    const about = { service, method: 'GET', path: '/rate?all=1' };
    expect(started).toMatchObject([{ ...about, attempts: 0, status: undefined, durationMs: undefined }]);
    expect(ended).toMatchObject([
      { ...about, attempts: 1, status: 404, targetId: instance.id, error: undefined },
    ]);
    expect(ended[0]!.durationMs).toBeGreaterThan(0);
    expect(seen).toEqual(['added']);
  });

  it('sees that it went to another instance, and what it failed with', async () => {
    const service = uniqueService('web');
    await register(service, await httpPort());
    await caller.discovery.waitFor(service);
    const retried = heard<HttpRequestDiagnostic>('hydra:http:retry');
    const ended = heard<HttpRequestDiagnostic>('hydra:http:end');
    await expect(http.request(`${service}:[get]/x`)).rejects.toBeDefined();
    expect(ended).toMatchObject([{ service, status: undefined, error: { name: 'HydraError' } }]);
    const there = await register(service, await httpPort(200));
    await caller.discovery.waitFor(service, { min: 2 });
    await eventually(
      async () => {
        await http.request(`${service}:[get]/x`);
        return retried.some(({ targetId }) => targetId === there.id);
      },
      { what: 'a request that is sent to another instance' },
    );
    expect(retried.find(({ targetId }) => targetId === there.id)!.attempts).toBeGreaterThan(1);
  });
});

describe('an observer of a configuration', () => {
  it('sees which one runs, and why a stored one does not', async () => {
    const service = uniqueService('configured');
    const schema = z.object({ limit: z.number() });
    const { store, instance } = await openStore(service, { schema });
    const states = heard<ConfigDiagnostic>('hydra:config:state');
    const own = () => states.filter(({ instanceId }) => instanceId === instance.id);
    const { revision } = await store.put('1.0.0', { limit: 1 });
    store.watch().subscribe();
    await eventually(() => own().some(({ running }) => running === `1.0.0@${revision}`), {
      what: 'the running configuration',
    });
    expect(own().at(-1)).toMatchObject({ service, problem: undefined });
    const other = await openStore(service);
    await other.store.put('1.0.0', { limit: 'many' });
    await eventually(() => own().some(({ problem }) => problem?.includes('limit')), {
      what: 'the refused configuration',
    });
    expect(own().at(-1)!.running).toBe(`1.0.0@${revision}`);
  });
});

describe('an observer of connections and instances', () => {
  it('sees the states of a connection, and who joins and leaves', async () => {
    const redis = await startPrivateRedis();
    const states = heard<{ instanceId: string; state: string }>('hydra:connection:state');
    const [joined, left] = ['joined', 'left'].map((what) =>
      heard<{ instanceId: string; targetId: string }>(`hydra:instance:${what}`),
    );
    const watcher = await startInstance({ service: uniqueService('watcher'), redis: redis.url });
    const service = uniqueService('seen');
    const other = await startInstance({ service, redis: redis.url });
    await watcher.discovery.waitFor(service);
    const found = (events: typeof joined) =>
      events!.some(({ instanceId, targetId }) => instanceId === watcher.id && targetId === other.id);
    await eventually(() => found(joined), { what: 'its joining' });
    await other.close();
    await eventually(() => found(left), { what: 'its leaving' });
    const own = () => states.filter(({ instanceId }) => instanceId === watcher.id).map(({ state }) => state);
    expect(own()).toEqual(['ready']);
    await redis.stop();
    await eventually(() => own().includes('lost'), { what: 'the loss of the connection' });
    await watcher.close();
    expect(own().at(-1)).toBe('closed');
  });
});

describe('an observer of dead entries', () => {
  it('sees one that is given up', async () => {
    const stream = uniqueService('given-up');
    @Controller()
    class FailingController {
      @StreamPattern(stream, { group: 'failing', attempts: 1 })
      fail(): never {
        throw new Error('never');
      }
    }
    const dead = heard('hydra:entry:dead');
    const service = await startService({ service: uniqueService('entries'), redis: await testRedisUrl() }, [
      FailingController,
    ]);
    const { streams } = service.app.get<unknown, { instance: HydraInstance }>(HydraServer).instance;
    const id = await streams.publish(stream, {});
    await eventually(() => dead.length > 0, { what: 'the dead entry' });
    expect(dead).toMatchObject([{ stream, group: 'failing', id, reason: expect.stringContaining('never') }]);
  });
});
