import { Logger } from '@nestjs/common';

import type { RedisConnections } from '../../redis/redis-connections.js';
import { evictionPolicy, fieldsOf, hasAppendOnlyFile } from '../../redis/server-facts.js';

/**
 * Says what of Redis' settings does not fit a queue: an eviction policy that may remove jobs, and no append-only file, so
 * that a crash of Redis loses what it accepted. Never throws; says nothing where INFO is not allowed.
 */
export async function warnOfRedisSettings(redis: RedisConnections): Promise<void> {
  // Past `run`, which takes note of what Redis refuses: nobody needs this right.
  const { commands } = redis;
  const info = await Promise.all([commands.info('memory'), commands.info('persistence')])
    .then((parts) => parts.join('\n'))
    .catch(() => '');
  const problems = settingsProblems(info);
  if (problems.length > 0) new Logger('Hydra').warn(`queues: ${problems.join('; ')}`);
}

/** One sentence each, from what INFO says. */
export function settingsProblems(info: string): string[] {
  const problems: string[] = [];
  const fields = fieldsOf(info);
  const policy = evictionPolicy(fields['maxmemory_policy']);
  if (policy !== undefined) {
    problems.push(
      `maxmemory-policy is ${policy}: Redis may remove jobs when memory is short; set noeviction`,
    );
  }
  if (!hasAppendOnlyFile(fields['aof_enabled'])) {
    problems.push(
      'appendonly is no: jobs accepted since the last snapshot are lost when Redis crashes; set yes',
    );
  }
  return problems;
}
