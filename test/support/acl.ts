import { Redis } from 'ioredis';

import { aclRules, type AclOptions } from '../../lib/index.js';
import { atEnd } from './at-end.js';
import { startPrivateRedis, startRealRedis } from './redis.js';

export interface AclRedis {
  readonly url: string;
  readonly admin: Redis;
  /** A user with the least rights of a service; the URL is that user's. */
  userFor(service: string, options?: AclOptions): Promise<string>;
  /** Takes some words of its rules away, or adds some. */
  change(service: string, ...words: string[]): Promise<void>;
  /** What was refused since the last time, in short; empty when nothing was. */
  refused(): Promise<readonly string[]>;
}

/**
 * A Redis of this file's own, whose users have the rights that are generated for them.
 *
 * @param args settings, which one in memory does not have
 */
export async function startAclRedis(args?: string[]): Promise<AclRedis> {
  const { url } = await (args ? startRealRedis(args) : startPrivateRedis());
  const admin = new Redis(url);
  atEnd(() => admin.disconnect());
  const server = await aclServerOf(admin);
  const userFor: AclRedis['userFor'] = async (service, options) => {
    const rules = aclRules(service, { server, ...options });
    await admin.call('ACL', 'SETUSER', service, 'reset', 'on', '>pw', ...rules);
    return url.replace('//', `//${service}:pw@`);
  };
  const change: AclRedis['change'] = async (service, ...words) => {
    await admin.call('ACL', 'SETUSER', service, ...words);
  };
  const refused = async () => {
    const entries = (await admin.call('ACL', 'LOG')) as unknown[][];
    await admin.call('ACL', 'LOG', 'RESET');
    return entries.map((entry) => {
      const field = (name: string) => String(entry[entry.indexOf(name) + 1]);
      return ['username', 'reason', 'context', 'object'].map(field).join(' ');
    });
  };
  return { url, admin, userFor, change, refused };
}

/** Which rules this server takes. */
export async function aclServerOf(admin: Redis): Promise<NonNullable<AclOptions['server']>> {
  // Valkey and Redict say the version of Redis that they are like.
  const [major = 0, minor = 0] = (/redis_version:(\d+)\.(\d+)/.exec(await admin.info('server')) ?? [])
    .slice(1)
    .map(Number);
  return major > 7 || (major === 7 && minor >= 2) ? '7.2' : '7.0';
}
