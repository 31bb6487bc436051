import { Logger } from '@nestjs/common';

import { allowedCommands, type CommandWords } from '../redis/allowed.js';
import type { Context } from '../redis/context.js';
import { sayFault, type Fault } from '../redis/faults/fault.js';
import type { RedisClient } from '../redis/redis-connections.js';
import { listed } from '../runtime/listed.js';

/** What a user may not do that an instance of this service needs. */
export interface MissingRights {
  /** Its name; undefined where it may not ask for that. */
  readonly user: string | undefined;
  readonly service: string;
  readonly missing: readonly string[];
}

export const MISSING_RIGHTS: Fault<MissingRights> = {
  id: 'rights.missing',
  severity: 'error',
  why: 'what the user may not do fails with FORBIDDEN when it is needed',
  fix: 'npx nestjs-hydra acl <service> prints the rules that the user needs',
  find: ({ user, service, missing }) => {
    if (missing.length === 0) return undefined;
    const whose = user === undefined ? 'the user of this process' : `the user "${user}"`;
    const what = `${whose} may not ${listed(missing)}`;
    return { what, names: { service } };
  },
};

/** What each instance does of itself, in the order of its start. */
function neededBy({ keys, id }: Pick<Context, 'keys' | 'id'>, service: string): readonly CommandWords[] {
  const own = keys.presence(service, id);
  return [
    ['SUBSCRIBE', keys.serviceChannel(service)],
    ['SUBSCRIBE', keys.instanceChannel(service, id)],
    ['SUBSCRIBE', keys.replyChannel(service, id)],
    ['SET', own, '1', 'PX', '1'],
    ['SET', keys.health(service, id), '1'],
    ['EVALSHA', 'a', '4', own, keys.beats(service), keys.instances(service), keys.epoch(service)],
    ['HSET', keys.instances(service), id, '1'],
    ['ZADD', keys.beats(service), '1', id],
    ['SADD', keys.directory, service],
    ['PUBLISH', keys.announcements(service), '1'],
  ];
}

/** Which of the rights that an instance of the service needs this user lacks. Before Redis 7.0, which cannot say it, none. */
export async function missingRights(
  context: Pick<Context, 'keys' | 'id'>,
  client: RedisClient,
  service: string,
): Promise<MissingRights> {
  const wanted = neededBy(context, service);
  const [mayAsk, ...may] = await allowedCommands(client, [['ACL', 'WHOAMI'], ...wanted]);
  // Who asks without the right to it is noted by Redis.
  const user = mayAsk ? await client.acl('WHOAMI').catch(() => undefined) : undefined;
  const missing = wanted.filter((_, index) => !may[index]);
  const words = missing.map(([name, key = '']) => `${name} ${key.replace(context.id, '<id>')}`);
  return { user, service, missing: words };
}

/** Says all that is missing at once, where Redis has refused one thing. Never rejects. */
export async function tellMissingRights(
  context: Pick<Context, 'keys' | 'id' | 'redis' | 'options'>,
): Promise<void> {
  const { redis, options } = context;
  const found = await missingRights(context, redis.commands, options.service).catch(() => undefined);
  const line = found && sayFault(MISSING_RIGHTS, found);
  if (line !== undefined) new Logger('Hydra').error(line);
}
