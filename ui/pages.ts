import type { ComponentType } from 'preact';

import type { PageProps } from './page-props.js';
import { ConfigurationPage } from './pages/configuration-page.js';
import { LogsPage } from './pages/logs-page.js';
import { OverviewPage } from './pages/overview-page.js';
import { QueuesPage } from './pages/queues-page.js';
import { ServicesPage } from './pages/services-page.js';
import { StreamsPage } from './pages/streams-page.js';
import { TopologyPage } from './pages/topology-page.js';

/** All pages, by their names in addresses, in the order of the navigation. */
export const PAGES: Readonly<
  Record<string, { readonly title: string; readonly Page: ComponentType<PageProps> }>
> = {
  overview: { title: 'Overview', Page: OverviewPage },
  topology: { title: 'Topology', Page: TopologyPage },
  services: { title: 'Services', Page: ServicesPage },
  logs: { title: 'Logs', Page: LogsPage },
  queues: { title: 'Queues', Page: QueuesPage },
  streams: { title: 'Streams', Page: StreamsPage },
  configuration: { title: 'Configuration', Page: ConfigurationPage },
};
