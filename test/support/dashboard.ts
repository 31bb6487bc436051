import { ConfigStore } from '../../lib/config/config-store.js';
import { DashboardCore } from '../../lib/dashboard/dashboard-core.js';
import { resolveDashboard, type HydraDashboardOptions } from '../../lib/dashboard/dashboard-options.js';
import { DashboardServer } from '../../lib/dashboard/http/dashboard-server.js';
import { PAGE_FILES } from '../../lib/dashboard/page-files.js';
import type { HydraOptions } from '../../lib/index.js';
import { HydraInstance } from '../../lib/hydra-instance.js';
import { resolveOptions } from '../../lib/hydra-options.js';
import { buildPage } from '../../tools/page.mjs';
import { atEnd } from './at-end.js';

/** Makes the page as `npm run build` does, for the library as it is in this process. */
export async function withPage(): Promise<void> {
  Object.assign(PAGE_FILES, await buildPage());
}

export interface TestDashboard {
  /** Where the page is, with a slash at its end. */
  readonly url: string;
  readonly dashboard: DashboardCore;
  /** What was done, and by whom. */
  readonly audit: readonly string[];
  close(this: void): Promise<void>;
}

/** The page as the command line serves it: on a port of its own, by connections that are no instance. */
export async function startDashboard(
  redis: HydraOptions['redis'],
  options: HydraDashboardOptions = {},
  port = 0,
): Promise<TestDashboard> {
  const own = resolveOptions({ service: 'dashboard', ...(redis && { redis }) });
  const instance = new HydraInstance(own, { takesReplicas: true });
  atEnd(() => instance.close());
  await instance.redis.connect();
  const audit: string[] = [];
  const place = { instance, configs: new ConfigStore(instance), isService: false };
  const dashboard = new DashboardCore(place, resolveDashboard(options), (text) => audit.push(text));
  const server = new DashboardServer(dashboard);
  const url = await server.start(port);
  atEnd(() => server.close());
  return { url, dashboard, audit, close: () => server.close() };
}

/** Has something done as the page does. */
export function act(url: string, order: object, headers: Readonly<Record<string, string>> = {}) {
  return fetch(`${url}act`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-hydra-dashboard': '1', ...headers },
    body: JSON.stringify(order),
  });
}

export interface Heard {
  readonly name: string;
  readonly value?: unknown;
  readonly problem?: string;
}

/** What is told of topics, until `stop`. */
export async function follow(url: string, topics: readonly string[]) {
  const control = new AbortController();
  const query = new URLSearchParams(topics.map((topic): [string, string] => ['topic', topic])).toString();
  const answer = await fetch(`${url}events?${query}`, { signal: control.signal });
  const heard: Heard[] = [];
  const stop = () => control.abort();
  atEnd(stop);
  const ended = (async () => {
    let rest = '';
    for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) {
        const [, name, data] = /^event: (.*)\ndata: (.*)$/s.exec(block) ?? [];
        if (name) heard.push({ name, ...(JSON.parse(data!) as object) });
      }
    }
  })().catch(() => undefined);
  return { answer, heard, stop, ended };
}
