import type { RedisClient } from './redis-connections.js';
import { Script } from './script.js';

/**
 * Say which commands the user of this connection may run.
 *
 * ARGV  a command each, as JSON: its words
 * Returns 1 or 0 for each; 1 for all before Redis 7.0, which cannot be asked.
 *
 * A script, because asked in this way nobody is refused: nothing is noted in ACL LOG.
 */
export const checkAll = new Script<(0 | 1)[]>(
  'redis.checkAll',
  0,
  `
local may = {}
for place, words in ipairs(ARGV) do
  may[place] = 1
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(cjson.decode(words))) then may[place] = 0 end
end
return may
`,
  'reads',
);

/** A command in words. */
export type CommandWords = readonly [command: string, ...words: string[]];

/** Which of the commands this user may run, in their order. Where Redis cannot say it, all of them. */
export async function allowedCommands(
  client: RedisClient,
  commands: readonly CommandWords[],
): Promise<readonly boolean[]> {
  const answers = await checkAll.run(
    client,
    commands.map((words) => JSON.stringify(words)),
  );
  return answers.map((answer) => answer === 1);
}
