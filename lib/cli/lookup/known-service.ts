import { serviceName } from '../../hydra-options.js';
import { createQueueKeys, DEFAULT_QUEUE } from '../../queue/model/queue-keys.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';

type Place = Pick<HydraInstance, 'redis' | 'keys'>;

/**
 * The name of a service as it is stored.
 *
 * @throws CommandFailure when nothing in Redis is of that service
 */
export async function knownService(place: Place, given: string): Promise<string> {
  const service = serviceName(given);
  const { keys } = place;
  const traces = [
    keys.service(service),
    keys.instances(service),
    keys.configs(service),
    keys.configHistory(service),
    ...tracesOfQueue(place, service, DEFAULT_QUEUE),
  ];
  if (await isThere(place, traces)) return service;
  throw new CommandFailure(ExitCode.notFound, `there is no service "${service}"`);
}

/** As {@link knownService}; also when the service has no such queue. */
export async function knownQueue(place: Place, given: string, queue: string): Promise<string> {
  if (queue === DEFAULT_QUEUE) return knownService(place, given);
  const service = serviceName(given);
  if (await isThere(place, tracesOfQueue(place, service, queue))) return service;
  await knownService(place, service);
  throw new CommandFailure(ExitCode.notFound, `"${service}" has no queue "${queue}"`);
}

function tracesOfQueue({ keys }: Place, service: string, queue: string): string[] {
  const { waiting, inProgress, incomplete, high, delayed, finished, owners, patterns, schedules, paused } =
    createQueueKeys(keys, service, queue);
  return [waiting, inProgress, incomplete, high, delayed, finished, owners, patterns, schedules, paused];
}

async function isThere({ redis }: Place, traces: readonly string[]): Promise<boolean> {
  const found = await redis.run('look for the service', (client) =>
    Promise.all(traces.map((key) => client.exists(key))),
  );
  return found.includes(1);
}
