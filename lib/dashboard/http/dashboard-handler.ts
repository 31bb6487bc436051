import type { IncomingMessage, ServerResponse } from 'node:http';

import type { DashboardCore } from '../dashboard-core.js';
import { DASHBOARD_ACTIONS } from '../access/actions.js';
import type { Visitor } from '../access/gate.js';
import { crossSite, mayRead, mayShow } from '../access/same-site.js';
import { sendError, sendJson } from './answers.js';
import { Refusal } from './refusal.js';
import { PAGE_NAMES, sendFile } from './page.js';
import { bodyOf } from './request-body.js';
import { targetOf } from './request-target.js';

/** One request, and what the framework of the application has made of it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The request as the framework has it. */
  readonly given: unknown;
  /** The body, where the framework has read it. */
  readonly body: unknown;
}

/** What is answered, below the path of the page. '' is the page itself. */
export const DASHBOARD_ROUTES = {
  get: ['', ...PAGE_NAMES, 'session', 'events', 'ask'],
  post: ['act'],
} as const;

/** Answers all requests of the page. Whatever goes wrong is said in the answer. */
export class DashboardHandler {
  constructor(private readonly dashboard: DashboardCore) {}

  /** @param path below the path of the page */
  async answer(path: string, exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    try {
      const visitor = await this.admitted(path, exchange);
      if (path === 'act') return await this.act(exchange, visitor);
      if (path === 'session') return sendJson(request, response, this.sessionOf(visitor));
      if (path === 'events')
        return this.dashboard.streams.follow(response, targetOf(request).words.getAll('topic'));
      if (path === 'ask') return sendJson(request, response, await this.dashboard.ask(wordsOf(request)));
      sendFile(request, response, path === '' ? 'page.html' : path);
    } catch (error) {
      sendError(request, response, error);
    }
  }

  /** @throws Refusal */
  private async admitted(path: string, { request, given }: Exchange): Promise<Visitor> {
    const why =
      path === 'act'
        ? crossSite(request)
        : (path === '' ? mayShow : mayRead)(request)
          ? undefined
          : 'it comes from another site';
    if (why !== undefined) throw new Refusal(403, `refused: ${why}`);
    const visitor = await this.dashboard.admit(request, given);
    if (visitor.allowed) return visitor;
    throw new Refusal(403, `refused: ${visitor.reason ?? 'no access'}`);
  }

  private sessionOf({ allowed = [], who }: Visitor): object {
    const isAll = allowed.length === DASHBOARD_ACTIONS.length;
    return { allowed, isAll, who, namespace: this.dashboard.namespace };
  }

  private async act({ request, response, body }: Exchange, visitor: Visitor): Promise<void> {
    sendJson(request, response, await this.dashboard.act(await bodyOf(request, body), visitor));
  }
}

function wordsOf(request: IncomingMessage): Readonly<Record<string, string>> {
  return Object.fromEntries(targetOf(request).words);
}
