import { firstValueFrom } from 'rxjs';

import { readFleet } from '../../../lib/dashboard/facts/fleet.js';
import { FleetLook } from '../../../lib/dashboard/facts/fleet-look.js';
import { Asked } from '../../../lib/doctor/evidence/asked.js';
import { HydraInstance } from '../../../lib/hydra-instance.js';
import {
  ConfigStore,
  DiscoveryService,
  HydraClient,
  HydraDoctor,
  HydraLogger,
  QueueService,
  StreamService,
} from '../../../lib/index.js';
import { startService, type TestService } from '../../support/app.js';
import { eventually } from '../../support/eventually.js';
import { uniqueService } from '../../support/unique.js';
import { Everything, seen } from './handlers.js';
import { runTheRest } from './after-faults.js';
import { useQueues } from './queues.js';

/** Does all that an application can have a Redis do. */
export async function useEverything(redis: string): Promise<void> {
  const service = uniqueService('recorded');
  const queue = { attempts: 2, backoff: { type: 'fixed', delayMs: 10 } } as const;
  const streams = { attempts: 1, retryMinMs: 10, retryMaxMs: 10 };
  const running = await startService({ service, redis, queue, streams }, [Everything]);
  const client = new HydraClient({ service: uniqueService('caller'), redis });
  await firstValueFrom(client.send(`${service}:sum`, [1, 2])).catch(() => undefined);
  await useQueues(running.app.get(QueueService));
  await useStreams(running.app.get(StreamService));
  await useConfig(running.app.get(ConfigStore));
  await lookAround(running, service);
  await runTheRest(redis);
  await client.close();
  await running.close();
}

async function useStreams(streams: StreamService): Promise<void> {
  await streams.publish('events', { n: 1 });
  await streams.publish('events', { n: 2 }, { id: 'once' });
  await streams.publish('events', { n: 2 }, { id: 'once' });
  await streams.publish('ordered', { n: 1, key: 'a' });
  await streams.publish('ordered', { n: 2, key: 'a' });
  await streams.publish('poison', { n: 3 });
  await eventually(() => seen.entries >= 4 && seen.poison >= 1, { what: 'entries to run' });
  await eventually(async () => (await streams.deadLetters('poison')).length, { what: 'a dead entry' });
  await streams.redrive('poison', 'all');
  await streams.range('events');
  await streams.info('events');
  const group = (await streams.info('events')).groups[0]?.name ?? 'none';
  await streams.replay('events', group, 'beginning');
  await streams.trim('events', { maxLen: 1 });
  await streams.removeGroup('ordered', group).catch(() => undefined);
  await streams.removeGroup('ordered', 'none').catch(() => undefined);
}

async function useConfig(configs: ConfigStore): Promise<void> {
  await configs.put('1.0.0', { a: 1 });
  await configs.put('1.1.0', { a: 2 });
  await configs.put('1.1.0', { a: 3 });
  await configs.get();
  await configs.versions();
  await configs.history();
  await configs.rollback();
  await firstValueFrom(configs.watch('1.1.0'));
  await configs.remove('1.0.0');
}

async function lookAround({ app }: TestService, service: string): Promise<void> {
  const discovery = app.get(DiscoveryService);
  const logger = app.get(HydraLogger);
  logger.error('a line');
  await logger.flush();
  await firstValueFrom(discovery.follow(service, { limit: 1 }));
  await discovery.health(service);
  await discovery.topology();
  await app.get(HydraDoctor).check();
  const instance = app.get(HydraInstance);
  await readFleet(new FleetLook(instance), new Asked(instance.clock));
}
