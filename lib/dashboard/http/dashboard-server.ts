import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { HydraError } from '../../hydra-error.js';
import { outside } from '../../runtime/async-context.js';
import type { DashboardCore } from '../dashboard-core.js';
import { sendError } from './answers.js';
import { Refusal } from './refusal.js';
import { DASHBOARD_ROUTES, DashboardHandler } from './dashboard-handler.js';
import { targetOf } from './request-target.js';

/** The page on a port of its own, for this machine alone. */
export class DashboardServer {
  private readonly server: Server;

  constructor(private readonly dashboard: DashboardCore) {
    const handler = new DashboardHandler(dashboard);
    this.server = createServer((request, response) => answer(handler, request, response));
  }

  /**
   * Listens, and gives the address of the page.
   *
   * @param port 0 for a free one
   * @throws HydraError `BAD_OPTION` where the port cannot be listened on
   */
  async start(port: number): Promise<string> {
    await outside(
      () =>
        new Promise<void>((resolve, reject) => {
          this.server.once('error', (cause: Error) => {
            const text = `port ${port} of 127.0.0.1 cannot be listened on: ${cause.message}`;
            reject(new HydraError('BAD_OPTION', text, { cause }));
          });
          this.server.listen(port, '127.0.0.1', resolve);
        }),
    );
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.dashboard.close();
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}

function answer(handler: DashboardHandler, request: IncomingMessage, response: ServerResponse): void {
  const path = targetOf(request).path.slice(1);
  const kind = request.method === 'POST' ? 'post' : 'get';
  const isKnown = (DASHBOARD_ROUTES[kind] as readonly string[]).includes(path);
  if (!isKnown || !['GET', 'HEAD', 'POST'].includes(request.method ?? ''))
    return sendError(request, response, new Refusal(404, 'there is nothing here'));
  void handler.answer(path, { request, response, given: request, body: undefined });
}
