import type { Context } from '../../redis/context.js';
import { isInReconnectGrace } from '../reconnect-grace.js';
import { look } from '../registry-scripts.js';

const NO_KEYS = '\n';

/** What a look needs of a service: the key of a presence up to its id and after it, and the channel of an instance up to it. */
export function placesOf(keys: Context['keys'], service: string): readonly string[] {
  return [...keys.presence(service, NO_KEYS).split(NO_KEYS), keys.instanceChannel(service, '')];
}

/**
 * Who of a service that this process sees for the first time has neither a presence nor a connection: killed, most likely, while
 * nobody watched. One that is frozen still has its connection. Never rejects: what is not known silences nobody.
 */
export async function firstLook(
  { redis, keys }: Pick<Context, 'redis' | 'keys'>,
  service: string,
): Promise<readonly string[]> {
  // Where several servers share the subscribers, one that has none for an instance proves nothing.
  if (redis.isSharded || isInReconnectGrace(redis)) return [];
  const args = [keys.beats(service), keys.epoch(service), ...placesOf(keys, service)];
  const looking = redis.run('look at instances', (client) => look.run(client, args, 2));
  const [, found = []] = await looking.catch(() => [''] as const);
  return found.filter((_id, at) => at % 2 === 1 && found[at + 1] === '0');
}
