import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';

import { HydraError } from '../hydra-error.js';
import type { HydraHealthIndicator } from '../registry/hydra-health-indicator.js';
import { outside } from '../runtime/async-context.js';
import type { HydraMetrics } from './hydra-metrics.js';

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

interface OpsParts {
  readonly metrics: HydraMetrics;
  readonly indicator: HydraHealthIndicator;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** `/metrics`, `/live` and `/ready` on a port of their own, for a process that has no HTTP. */
export class OpsServer {
  private readonly logger = new Logger('Hydra');
  private server: Server | undefined;

  constructor(
    private readonly place: { readonly port: number; readonly host: string | undefined },
    private readonly parts: OpsParts,
  ) {}

  /** @throws HydraError `BAD_OPTION` where the port cannot be listened on */
  async start(): Promise<void> {
    const { port, host } = this.place;
    const server = createServer((request, response) => void this.answer(request, response));
    this.server = server;
    await outside(
      () =>
        new Promise<void>((resolve, reject) => {
          server.once('error', (cause: Error) => {
            const what = `ops.port=${port} cannot be listened on: ${cause.message}`;
            reject(new HydraError('BAD_OPTION', what, { cause }));
          });
          server.listen({ port, ...(host !== undefined && { host }) }, resolve);
        }),
    );
    // It is there for the process, and no reason for it to stay.
    server.unref();
    this.logger.log(`metrics and probes on port ${this.port}`);
  }

  /** The port that it listens on; undefined while it does not. */
  get port(): number | undefined {
    return (this.server?.address() as AddressInfo | null | undefined)?.port;
  }

  async close(): Promise<void> {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, contentType, text } = await this.answerOf(request).catch((error: unknown) => ({
      status: 500,
      contentType: JSON_TYPE,
      text: JSON.stringify({ error: String(error) }),
    }));
    response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : text);
  }

  private async answerOf({ method, url = '' }: IncomingMessage): Promise<Answer> {
    const { metrics, indicator } = this.parts;
    const [path] = url.split('?');
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: `${method} is not allowed` });
    if (path === '/metrics')
      return { status: 200, contentType: metrics.contentType, text: await metrics.freshText() };
    if (path === '/live') return json(200, await indicator.isAlive());
    if (path !== '/ready') return json(404, { error: 'there are /metrics, /live and /ready' });
    const found = await indicator.isHealthy();
    return json(found.hydra.status === 'up' ? 200 : 503, found);
  }
}

function json(status: number, body: object): Answer {
  return { status, contentType: JSON_TYPE, text: JSON.stringify(body) };
}
