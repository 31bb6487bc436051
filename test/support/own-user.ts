import { Redis } from 'ioredis';

import { aclRules, type AclOptions, type HydraOptions, type RedisLocation } from '../../lib/index.js';
import { aclServerOf } from './acl.js';
import { atEnd } from './at-end.js';
import { testRedis } from './redis.js';

const PASSWORD = 'pw';
/** What a client without a name calls itself. */
const ANONYMOUS = 'hydra-client';

type Given = Pick<HydraOptions, 'redis'> & { readonly service: string; readonly name?: string };
/** What an application does on Redis beside what every service does. */
export type OwnRights = Pick<AclOptions, 'roles' | 'calls' | 'queues' | 'streams' | 'consumes'> &
  Pick<AclOptions, 'readsConfig' | 'writesConfig'>;

let admin: Redis | undefined;
const rights = new Map<string, OwnRights>();
/** The rights that each user has by now, as text. */
const made = new Map<string, string>();
let making: Promise<unknown> = Promise.resolve();

/**
 * With `--redis=acl`: what the application of a service needs beside the rights of a service, as `aclRules()` takes it. To be said
 * before it starts; what was said before stays.
 *
 * @returns the service
 */
export function allow(service: string, more: OwnRights): string {
  const name = service.toLowerCase();
  const known: OwnRights = rights.get(name) ?? {};
  const names = Object.keys({ ...known, ...more }) as (keyof OwnRights)[];
  const all = names.map((key) => [key, [...new Set([...(known[key] ?? []), ...(more[key] ?? [])])]]);
  rights.set(name, Object.fromEntries(all) as OwnRights);
  return service;
}

/** With `--redis=acl`: the options of an application, with a user that has the rights of its own service. Else as they are. */
export function asOwnUser<T extends Given>(options: T): T {
  return withUser(options, options.service.toLowerCase());
}

/** As {@link asOwnUser}, of a client that stands alone: `service` is whom it calls, and all that it may. */
export function asOwnClient<T extends Given>(options: T): T {
  const name = (options.name ?? ANONYMOUS).toLowerCase();
  allow(name, { calls: [options.service], ...(name === ANONYMOUS && { roles: ['caller'] }) });
  return withUser(options, name);
}

function withUser<T extends Given>(options: T, user: string): T {
  if (!process.env['HYDRA_TEST_ACL'] || !isOfTheRun(options.redis)) return options;
  const credentials = async () => {
    await (making = making.then(() => makeUser(user)));
    return { username: user, password: PASSWORD };
  };
  return { credentials, ...options };
}

const isOfTheRun = (redis: RedisLocation | undefined) =>
  redis !== undefined && JSON.stringify(redis) === process.env['HYDRA_TEST_REDIS'];

async function makeUser(name: string): Promise<void> {
  const own: OwnRights = rights.get(name) ?? {};
  const text = JSON.stringify(own);
  if (made.get(name) === text) return;
  made.set(name, text);
  const connection = (admin ??= await openAdmin());
  const server = await aclServerOf(connection);
  const rules = aclRules(name, { ...own, server });
  await connection.call('ACL', 'SETUSER', name, 'reset', 'on', `>${PASSWORD}`, ...rules);
}

async function openAdmin(): Promise<Redis> {
  const redis = new Redis((await testRedis()) as object);
  atEnd(() => redis.disconnect());
  return redis;
}
