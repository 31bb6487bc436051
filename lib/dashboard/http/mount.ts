import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import type { AbstractHttpAdapter } from '@nestjs/core';

import { refuseOthers } from '../access/loopback.js';
import type { DashboardCore } from '../dashboard-core.js';
import type { ResolvedDashboard } from '../dashboard-options.js';
import { SECURITY_HEADERS } from './headers.js';
import { DASHBOARD_ROUTES, DashboardHandler, type Exchange } from './dashboard-handler.js';
import { targetOf } from './request-target.js';

/** A request of Fastify has Node's inside; one of Express is Node's. */
interface FrameworkRequest extends IncomingMessage {
  readonly raw?: IncomingMessage;
  readonly body?: unknown;
}

interface FrameworkResponse extends ServerResponse {
  readonly raw?: ServerResponse;
  hijack?(): void;
}

/** Serves the page on a path of an application, under Express and under Fastify. */
export function mount(
  adapter: AbstractHttpAdapter,
  { path, access }: ResolvedDashboard,
  dashboard: DashboardCore,
): void {
  const handler = new DashboardHandler(dashboard);
  const answering = (name: string) => (request: FrameworkRequest, response: FrameworkResponse) => {
    const exchange = exchangeOf(request, response);
    // Addresses in the page are relative to it, so that it works behind a proxy that changes its path.
    if (name === '' && !targetOf(exchange.request).path.endsWith('/')) return redirect(path, exchange);
    return handler.answer(name, exchange);
  };
  for (const kind of ['get', 'post'] as const)
    for (const name of DASHBOARD_ROUTES[kind]) adapter[kind](`${path}/${name}`, answering(name));
  if (adapter.getType() === 'fastify') adapter.get(path, answering(''));
  if (!access) refuseOthers(adapter.getHttpServer() as Server);
}

function exchangeOf(request: FrameworkRequest, response: FrameworkResponse): Exchange {
  // Fastify answers nothing itself from here on.
  response.hijack?.();
  const { raw = request, body } = request;
  return { request: raw, response: response.raw ?? response, given: request, body };
}

function redirect(path: string, { response }: Exchange): void {
  const location = `${path.slice(path.lastIndexOf('/') + 1)}/`;
  response.writeHead(302, { ...SECURITY_HEADERS, location, 'cache-control': 'no-store' }).end();
}
