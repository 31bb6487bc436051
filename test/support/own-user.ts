import { Redis } from 'ioredis';

import { aclRules, type AclRole, type HydraOptions, type RedisLocation } from '../../lib/index.js';
import { aclServerOf } from './acl.js';
import { atEnd } from './at-end.js';
import { testRedis } from './redis.js';
import { uniqueNames } from './unique.js';

const ROLES: readonly AclRole[] = ['service', 'worker', 'logger', 'upkeep'];
const PASSWORD = 'pw';
/** What a client without a name calls itself. */
const ANONYMOUS = 'hydra-client';

type Given = Pick<HydraOptions, 'redis'> & { readonly service: string; readonly name?: string };

let admin: Redis | undefined;
const users = new Set<string>();
/** How many names the rights of the users were made for, and the making of them. */
let namesKnown = 0;
let made: Promise<unknown> = Promise.resolve();

/** With `--redis=acl`: the options of an application, with a user that has the rights of its own service. Else as they are. */
export function asOwnUser<T extends Given>(options: T): T {
  return withUser(options, options.service.toLowerCase());
}

/** As {@link asOwnUser}, of a client that stands alone: `service` is whom it calls. */
export function asOwnClient<T extends Given>(options: T): T {
  return withUser(options, (options.name ?? ANONYMOUS).toLowerCase());
}

function withUser<T extends Given>(options: T, user: string): T {
  if (!process.env['HYDRA_TEST_ACL'] || !isOfTheRun(options.redis)) return options;
  const credentials = async () => {
    await grant(user);
    return { username: user, password: PASSWORD };
  };
  return { credentials, ...options };
}

const isOfTheRun = (redis: RedisLocation | undefined) =>
  redis !== undefined && JSON.stringify(redis) === process.env['HYDRA_TEST_REDIS'];

/** A service may call, feed and read what has a name of this test file, as services of one application may. */
async function grant(user: string): Promise<void> {
  const names = uniqueNames();
  if (!users.has(user) || names.length !== namesKnown) {
    users.add(user);
    namesKnown = names.length;
    made = made.then(() => makeUsers(names));
  }
  await made;
}

async function makeUsers(names: readonly string[]): Promise<void> {
  const connection = (admin ??= await openAdmin());
  const server = await aclServerOf(connection);
  const others = {
    calls: names,
    queues: names,
    streams: names,
    consumes: names,
    readsConfig: names,
    writesConfig: names,
  };
  await Promise.all(
    [...users].map((name) => {
      const rules = aclRules(name, { roles: ROLES, server, ...others });
      return connection.call('ACL', 'SETUSER', name, 'reset', 'on', `>${PASSWORD}`, ...rules);
    }),
  );
}

async function openAdmin(): Promise<Redis> {
  const redis = new Redis((await testRedis()) as object);
  atEnd(() => redis.disconnect());
  return redis;
}
