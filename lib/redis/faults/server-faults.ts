import { Logger } from '@nestjs/common';

import { serverOf, tooOld } from '../connection/server-info.js';
import { sayFault, type Fault } from './fault.js';
import type { RedisConnections } from '../redis-connections.js';
import { fieldsOf, type Info } from './server-facts.js';

/** Refuses the start, too: see `connection/server-info`. */
export const TOO_OLD: Fault<Info> = {
  id: 'server.too-old',
  severity: 'error',
  why: 'commands are missing that calls, jobs and streams are made of',
  fix: 'install Redis 6.2 or newer, or Valkey',
  find: (info) => {
    const text = Object.entries(info).map(([name, value]) => `${name}:${value}`);
    return tooOld(serverOf(text.join('\n')))?.message.replace(/^\[\w+\] /, '');
  },
};

export const EVICTION: Fault<Info> = {
  id: 'memory.eviction',
  severity: 'error',
  why: 'when memory is short, Redis removes presences, leases, jobs and streams',
  fix: 'CONFIG SET maxmemory-policy noeviction',
  find: ({ maxmemory_policy: policy, maxmemory }) => {
    if (policy === undefined || policy === 'noeviction') return undefined;
    // Without a limit nothing is removed yet.
    return { what: `maxmemory-policy is ${policy}`, severity: Number(maxmemory) > 0 ? 'error' : 'warning' };
  },
};

export const NO_APPEND_ONLY_FILE: Fault<Info> = {
  id: 'persistence.off',
  severity: 'warning',
  why: 'jobs and entries accepted since the last snapshot are lost when Redis crashes',
  fix: 'CONFIG SET appendonly yes',
  find: (info) => (hasAppendOnlyFile(info) ? undefined : 'appendonly is no'),
};

/** Whether what was accepted is written to a file at once; true where Redis does not say it. */
export function hasAppendOnlyFile(info: Info): boolean {
  return info['aof_enabled'] !== '0';
}

/** What whoever leaves work in Redis is told of at the start. */
const OF_STORED_WORK = [EVICTION, NO_APPEND_ONLY_FILE];

/**
 * Warns of settings that do not fit what is stored in Redis, in the words of the doctor. Never rejects; says nothing where INFO
 * is not allowed.
 */
export async function warnOfServer({ commands }: Pick<RedisConnections, 'commands'>): Promise<void> {
  // Past `run`, which takes note of what Redis refuses: nobody needs this right.
  const info = await Promise.all([commands.info('memory'), commands.info('persistence')]).catch(() => []);
  for (const line of linesOf(fieldsOf(info.join('\n')))) new Logger('Hydra').warn(line);
}

/** One line for each fault of stored work. */
export function linesOf(info: Info): readonly string[] {
  return OF_STORED_WORK.flatMap((fault) => sayFault(fault, info) ?? []);
}
