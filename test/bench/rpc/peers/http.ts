import { createRequire } from 'node:module';

import { sum, type Body, type Calls, type Peer } from '../peer.js';

/** What is used of Fastify and undici; their own types are there only once the peers are installed. */
interface Fastify {
  post(path: string, handler: (request: { readonly body: unknown }) => Promise<unknown>): void;
  listen(options: { readonly host: string; readonly port: number }): Promise<unknown>;
}
interface Pool {
  request(options: object): Promise<{ readonly body: { json(): Promise<unknown> } }>;
}

const require = createRequire(import.meta.url);
const HOST = '127.0.0.1';
/** As many as are called at once at most: HTTP/1.1 carries one request at a time on each. */
const CONNECTIONS = 256;

/** Plain HTTP between two services, as fast as Node has it. */
export const peer: Peer = {
  async serve({ httpPort }) {
    const { fastify } = require('fastify') as { fastify: () => Fastify };
    const server = fastify();
    server.post('/sum', ({ body }) => Promise.resolve(JSON.stringify(sum(body as number[]))));
    server.post('/echo', ({ body }) => Promise.resolve(body as Body));
    await server.listen({ host: HOST, port: httpPort });
  },
  connect({ httpPort }): Promise<Calls> {
    const undici = require('undici') as { Pool: new (origin: string, options: object) => Pool };
    const pool = new undici.Pool(`http://${HOST}:${httpPort}`, { connections: CONNECTIONS });
    const post = async <T>(path: string, data: unknown): Promise<T> => {
      const headers = { 'content-type': 'application/json' };
      const { body } = await pool.request({ path, method: 'POST', headers, body: JSON.stringify(data) });
      return (await body.json()) as T;
    };
    return Promise.resolve({ sum: (numbers) => post('/sum', numbers), echo: (body) => post('/echo', body) });
  },
};
