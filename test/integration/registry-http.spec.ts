import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';

import { handlerDeadline, withDeadline } from '../../lib/delivery/deadline-context.js';
import { systemClock } from '../../lib/runtime/clock.js';
import { HydraHttpClient, type RedisLocation } from '../../lib/index.js';
import type { HydraInstance } from '../../lib/hydra-instance.js';
import { atEnd } from '../support/at-end.js';
import { eventually } from '../support/eventually.js';
import { startPrivateRedis, testRedis } from '../support/redis.js';
import { startInstance } from '../support/registry.js';
import { uniqueService } from '../support/unique.js';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** An HTTP server that counts its requests. */
async function listen(answer: Answer): Promise<{ port: number; server: Server; hits: string[] }> {
  const hits: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      hits.push(`${request.method} ${request.url}`);
      answer(request, response, Buffer.concat(chunks).toString());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server, hits };
}

const echo: Answer = (request, response, body) => {
  response.setHeader('content-type', 'application/json');
  response.end(
    JSON.stringify({ method: request.method, url: request.url, type: request.headers['content-type'], body }),
  );
};
const breakOff: Answer = (request) => void request.socket.destroy();

describe('HydraHttpClient', () => {
  let redis: RedisLocation;
  let caller: HydraInstance;
  let http: HydraHttpClient;

  beforeAll(async () => {
    redis = await testRedis();
    caller = await startInstance({ service: uniqueService('caller'), redis, balancer: 'round-robin' });
    http = new HydraHttpClient(caller, caller.discovery);
  });

  /** Registers an instance of the service for each port. */
  async function register(service: string, ...ports: number[]) {
    const instances = await Promise.all(
      ports.map((port) => startInstance({ service, redis, host: '127.0.0.1', port })),
    );
    await caller.discovery.waitFor(service, { min: ports.length });
    return instances;
  }

  it('sends what it is given, as what it is', async () => {
    const service = uniqueService('echo');
    await register(service, (await listen(echo)).port);
    const ask = async (address: string, options = {}) =>
      (await http.request(`${service}:${address}`, options)).json();
    expect(await ask('[get]/v1/x?full=1')).toMatchObject({ method: 'GET', url: '/v1/x?full=1', body: '' });
    expect(await ask('[post]/x', { body: { a: [1] } })).toMatchObject({
      type: 'application/json',
      body: '{"a":[1]}',
    });
    expect(await ask('[PATCH]/x', { body: null })).toMatchObject({ method: 'PATCH', body: 'null' });
    expect(await ask('[put]/x', { body: 'text', headers: { 'content-type': 'text/csv' } })).toMatchObject({
      type: 'text/csv',
      body: 'text',
    });
    expect(await ask('[put]/x', { body: Buffer.from([104, 105]) })).toMatchObject({ body: 'hi' });
    expect(await ask('[post]/x', { body: new URLSearchParams({ a: 'b' }) })).toMatchObject({ body: 'a=b' });
    expect(await ask('[post]/x', { body: Readable.from(['a', 'b', 'c']) })).toMatchObject({ body: 'abc' });
  });

  it('gives the answer as it is: any status, any type, as a stream', async () => {
    const service = uniqueService('any');
    const { port, hits } = await listen((_request, response) => {
      response.writeHead(503, { 'content-type': 'text/plain', location: '/elsewhere' });
      response.write('one ');
      setTimeout(() => response.end('two'), 50);
    });
    await register(service, port, port);
    const answer = await http.request(`${service}:[get]/x`);
    expect(answer.status).toBe(503);
    const chunks: string[] = [];
    for await (const chunk of answer.body!) chunks.push(Buffer.from(chunk as Uint8Array).toString());
    expect(chunks).toEqual(['one ', 'two']);
    expect(hits).toHaveLength(1);
  });

  it('spreads requests, and goes to the one instance that is named', async () => {
    const service = uniqueService('spread');
    const servers = await Promise.all([listen(echo), listen(echo)]);
    const instances = await register(service, ...servers.map(({ port }) => port));
    for (let count = 0; count < 10; count++) await http.request(`${service}:[get]/x`);
    expect(servers.map(({ hits }) => hits.length)).toEqual([5, 5]);
    for (let count = 0; count < 4; count++) await http.request(`${instances[0]!.id}@${service}:[get]/x`);
    expect(servers.map(({ hits }) => hits.length)).toEqual([9, 5]);
  });

  it('passes over an instance that refuses, whatever the verb', async () => {
    const service = uniqueService('refused');
    const gone = await listen(echo);
    await new Promise((resolve) => gone.server.close(resolve));
    const there = await listen(echo);
    await register(service, gone.port, there.port);
    for (let count = 0; count < 6; count++) {
      expect((await http.request(`${service}:[post]/x`, { body: { count } })).status).toBe(200);
    }
    expect(there.hits).toHaveLength(6);
  });

  it('tries again where an instance breaks off only what may be done twice', async () => {
    const service = uniqueService('broken');
    const broken = await listen(breakOff);
    await register(service, broken.port, broken.port);
    await expect(http.request(`${service}:[get]/x`)).rejects.toMatchObject({
      code: 'INSTANCE_LOST',
      mayHaveRun: true,
    });
    expect(broken.hits).toHaveLength(2);
    await expect(http.request(`${service}:[post]/x`, { body: {} })).rejects.toMatchObject({
      code: 'INSTANCE_LOST',
    });
    expect(broken.hits).toHaveLength(3);
    await expect(http.request(`${service}:[post]/x`, { body: {}, idempotent: true })).rejects.toThrow(
      'closed the connection during',
    );
    expect(broken.hits).toHaveLength(5);
    await expect(http.request(`${service}:[put]/x`, { body: Readable.from(['a']) })).rejects.toThrow(
      'closed the connection during',
    );
    expect(broken.hits).toHaveLength(6);
  });

  it('ends by its deadline, and when it is told to', async () => {
    const service = uniqueService('slow');
    const { port } = await listen(() => undefined);
    await register(service, port);
    await expect(http.request(`${service}:[get]/x`, { timeoutMs: 100 })).rejects.toThrow(
      `[TIMEOUT] no answer to "${service}:[get]/x" within timeoutMs=100`,
    );
    const controller = new AbortController();
    const waiting = http.request(`${service}:[get]/x`, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('fails at once when there is nobody, or nobody with a port', async () => {
    const service = uniqueService('portless');
    await expect(http.request(`${uniqueService('nobody')}:[get]/x`)).rejects.toMatchObject({
      code: 'NO_INSTANCE',
    });
    await startInstance({ service, redis });
    await caller.discovery.waitFor(service);
    await expect(http.request(`${service}:[get]/x`)).rejects.toThrow('that listens for HTTP');
  });

  it('takes any time above 0, and refuses what is none', async () => {
    const service = uniqueService('patient');
    await register(service, (await listen(echo)).port);
    for (const timeoutMs of [0.5 + 2 ** 31, 3e9, Infinity])
      expect((await http.request(`${service}:[get]/x`, { timeoutMs })).status).toBe(200);
    for (const timeoutMs of [Number.NaN, -1, 0, '5' as unknown as number])
      await expect(http.request(`${service}:[get]/x`, { timeoutMs })).rejects.toThrow(
        `[BAD_OPTION] timeoutMs of a request must be a number > 0, got ${typeof timeoutMs === 'string' ? `"${timeoutMs as string}"` : timeoutMs}`,
      );
  });

  it('refuses what fetch cannot send, and asks no instance', async () => {
    const service = uniqueService('unsendable');
    const { port, hits } = await listen(echo);
    await register(service, port, port);
    const mistakes = [{ body: 'x' }, { headers: { 'a b': 'c' } }, { headers: { a: 'b\nc' } }];
    for (const mistake of mistakes)
      await expect(http.request(`${service}:[get]/x`, mistake)).rejects.toMatchObject({
        code: 'BAD_OPTION',
      });
    expect(hits).toEqual([]);
  });

  it('waits no longer than the handler around it may, in a process that has no other client', async () => {
    const service = uniqueService('inherits');
    const { port } = await listen((request, response, body) => {
      if (request.url === '/fast') echo(request, response, body);
    });
    await register(service, port);
    await http.request(`${service}:[get]/fast`);
    const waiting = withDeadline(handlerDeadline(systemClock, performance.now() + 200), () =>
      http.request(`${service}:[get]/slow`),
    );
    await expect(waiting).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  it('ends at once what is aborted already, also while Redis is away', async () => {
    const server = await startPrivateRedis();
    const instance = await startInstance({ service: uniqueService('cut-off'), redis: server.url });
    const { discovery, redis: connections } = instance;
    await server.kill9();
    await eventually(() => !connections.isReady, { what: 'the loss to be noticed' });
    const asked = new HydraHttpClient(instance, discovery).request(`${uniqueService('unread')}:[get]/x`, {
      signal: AbortSignal.abort(),
    });
    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it.each(['orders', 'orders:/v1', 'orders:[get]', 'orders:[get]v1', ':[get]/x', 'http://x:[get]/y', ''])(
    'refuses the address %j',
    async (address) => {
      await expect(http.request(address)).rejects.toMatchObject({ code: 'BAD_OPTION' });
    },
  );
});
