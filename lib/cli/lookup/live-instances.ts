import { serviceName, type Instance } from '../../hydra-options.js';
import type { HydraInstance } from '../../hydra-instance.js';
import { CommandFailure, ExitCode } from '../session/command-failure.js';
import { knownService } from './known-service.js';
import { fullId } from './short-ids.js';

type Place = Pick<HydraInstance, 'redis' | 'keys' | 'discovery'>;

/**
 * The live instances of a service. An instance whose presence has ended may still be in the index when no process
 * removes it; the command line does not remove it.
 */
export async function liveInstances(place: Place, given: string): Promise<readonly Instance[]> {
  const { redis, keys, discovery } = place;
  const service = serviceName(given);
  const { instances } = await discovery.viewOf(service);
  const found = await redis.run('look for presence', (client) =>
    Promise.all(instances.map(({ id }) => client.exists(keys.presence(service, id)))),
  );
  return instances.filter((_, index) => found[index] === 1);
}

/** @throws CommandFailure when there are none */
export async function someLiveInstances(place: Place, service: string): Promise<readonly Instance[]> {
  const found = await liveInstances(place, await knownService(place, service));
  if (found.length === 0) throw nobody(service);
  return found;
}

/** The whole id of an instance, for its beginning. A log outlives its instance, so any whole id is accepted. */
export async function instanceNamed(place: Place, service: string, text: string): Promise<string> {
  const ids = (await liveInstances(place, service)).map(({ id }) => id);
  const id = fullId(text, ids) ?? (/^[\da-f]{32}$/.test(text) ? text : undefined);
  if (id !== undefined) return id;
  throw new CommandFailure(
    ExitCode.notFound,
    `"${service}" has no live instance "${text}"; the log of one that ended is read by its whole id`,
  );
}

function nobody(service: string): CommandFailure {
  return new CommandFailure(ExitCode.notFound, `"${service}" has no live instance`);
}
