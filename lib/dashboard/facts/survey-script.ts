import { NOW } from '../../redis/lua-clock.js';
import { Script } from '../../redis/script.js';

/** Keys that the script reads of each service. */
export const KEYS_EACH = 10;

/**
 * Read how it stands with services, and change nothing.
 *
 * KEYS  10 for each service: instances   beats   waiting   high   returned   incomplete   in progress   owners   paused
 *       revisions of its configuration
 * ARGV  1 for how long (ms) an instance may be overdue
 * Returns for each service: the ids of instances that are overdue, the number of jobs that wait, of dead letters, jobs that Hydra 1.x workers
 *   took, workers, whether it is paused, its revisions (version, text, …), and the records of its instances. What cannot be
 *   read, because another type of data stands in its place, is nothing.
 *
 * One script, because a thousand services would be ten thousand commands.
 */
export const survey = new Script<SurveyedService[]>(
  'dashboard.survey',
  0,
  `${NOW}
local function number(...)
  local found = redis.pcall(...)
  return type(found) == 'number' and found or 0
end
local function list(...)
  local found = redis.pcall(...)
  return type(found) == 'table' and not found.err and found or {}
end
local answer = {}
for first = 1, #KEYS, ${KEYS_EACH} do
  local waiting = number('LLEN', KEYS[first + 2]) + number('LLEN', KEYS[first + 3]) + number('ZCARD', KEYS[first + 4])
  table.insert(answer, {
    list('ZRANGEBYSCORE', KEYS[first + 1], '-inf', now - ARGV[1]),
    waiting,
    number('LLEN', KEYS[first + 5]),
    number('LLEN', KEYS[first + 6]),
    number('ZCOUNT', KEYS[first + 7], now, '+inf'),
    number('EXISTS', KEYS[first + 8]),
    list('HGETALL', KEYS[first + 9]),
    list('HVALS', KEYS[first]),
  })
end
return answer
`,
  'reads',
);

/** As the script answers. */
export type SurveyedService = [
  gone: string[],
  ...[waiting: number, deadLetters: number, inProgress: number, workers: number, isPaused: number],
  ...[revisions: string[], records: string[]],
];
